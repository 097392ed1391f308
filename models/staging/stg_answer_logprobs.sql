select
    run_id,
    benchmark_id,
    prompt_index,
    prompt_id,
    answer_index,
    answer,
    temperature,
    logprob,
    tokens,
    bytes,
    greedy,
    entropy,
from {{ source('raw', 'answer_logprobs') }}
where run_id in (select runs.run_id, from {{ source('raw', 'runs') }} as runs)
