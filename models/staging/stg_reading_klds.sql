select
    run_id,
    chunk,
    position,
    kld,
    finite as is_finite,
from {{ source('raw', 'reading_klds') }}
where run_id in (select runs.run_id, from {{ source('raw', 'runs') }} as runs)
