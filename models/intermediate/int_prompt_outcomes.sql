select
    runs.run_id,
    runs.cohort_id,
    runs.quant_id,
    quants.benchmark_id,
    quants.prompt_id,
    quants.scoring,
    prompts.text_id,
    prompts.category,
    reference.score as score_ref,
    quants.score,
    greatest(quants.score - reference.score, 0) as leapfrog,
    greatest(reference.score - quants.score, 0) as dropped,
    quants.score = 0
    and reference.score = 0
    and quants.answer <> reference.answer as other_wrong_answer,
from {{ ref('int_benchmark_pairs') }} as pairs
inner join {{ ref('int_current_runs') }} as runs
    on pairs.run_id = runs.run_id
inner join {{ ref('int_prompt_scores') }} as quants
    on pairs.run_id = quants.run_id
inner join {{ ref('int_prompt_scores') }} as reference
    on pairs.reference_run_id = reference.run_id
    and quants.prompt_id = reference.prompt_id
    and quants.scoring = reference.scoring
inner join {{ ref('stg_prompts') }} as prompts
    on pairs.reference_run_id = prompts.run_id
    and quants.prompt_id = prompts.prompt_id
