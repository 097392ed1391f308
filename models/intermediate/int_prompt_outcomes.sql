-- the score of a prompt is the mean over its attempts, its answer that of the first
with answers as (
    select
        run_id,
        benchmark_id,
        prompt_id,
        avg(score) as score,
        min_by(answer, attempt) as answer,
    from {{ ref('stg_samples') }}
    group by all
)

select
    runs.run_id,
    runs.cohort_id,
    runs.quant_id,
    quants.benchmark_id,
    quants.prompt_id,
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
inner join answers as quants
    on pairs.run_id = quants.run_id
inner join answers as reference
    on pairs.reference_run_id = reference.run_id
    and quants.prompt_id = reference.prompt_id
inner join {{ ref('stg_prompts') }} as prompts
    on pairs.reference_run_id = prompts.run_id
    and quants.prompt_id = prompts.prompt_id
