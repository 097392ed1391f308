select
    runs.cohort_id,
    runs.quant_id,
    quants.benchmark_id,
    quants.prompt_id,
    prompts.text_id,
    weights.weight,
    reference.loss as loss_ref,
    quants.loss,
    quants.bytes,
from {{ ref('int_benchmark_pairs') }} as pairs
inner join {{ ref('int_current_runs') }} as runs
    on pairs.run_id = runs.run_id
inner join {{ ref('int_answer_losses') }} as quants
    on pairs.run_id = quants.run_id
inner join {{ ref('int_answer_losses') }} as reference
    on pairs.reference_run_id = reference.run_id
    and quants.prompt_id = reference.prompt_id
inner join {{ ref('stg_prompts') }} as prompts
    on pairs.reference_run_id = prompts.run_id
    and quants.prompt_id = prompts.prompt_id
inner join {{ ref('int_benchmark_weights') }} as weights
    on quants.benchmark_id = weights.benchmark_id
