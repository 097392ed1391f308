select
    run_id,
    benchmark_id,
    prompt_id,
    choice,
    loglikelihood,
    length,
    is_right,
from {{ source('raw', 'choices') }}
where run_id in (select runs.run_id, from {{ source('raw', 'runs') }} as runs)
