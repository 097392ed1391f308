select
    run_id,
    chunk,
    metric,
    value,
    precision,
from {{ source('raw', 'chunk_summaries') }}
where run_id in (select runs.run_id, from {{ source('raw', 'runs') }} as runs)
