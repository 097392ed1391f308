select
    run_id,
    benchmark_id,
    prompt_index,
    prompt_id,
    attempt,
    answer,
    score,
    answer_tokens,
    finish_reason,
from {{ source('raw', 'samples') }}
where run_id in (select runs.run_id, from {{ source('raw', 'runs') }} as runs)
