select
    run_id,
    benchmark_id,
    prompt_index,
    prompt_id,
    category,
    prompt,
    expected,
    reference_answer_tokens,
    prompt_tokens,
    item,
    coalesce(text_id, prompt_id) as text_id,
from {{ source('raw', 'prompts') }}
where run_id in (select runs.run_id, from {{ source('raw', 'runs') }} as runs)
