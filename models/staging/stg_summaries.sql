select
    run_id,
    metric,
    value,
    standard_error,
    n,
from {{ source('raw', 'summaries') }}
where run_id in (select runs.run_id, from {{ source('raw', 'runs') }} as runs)
