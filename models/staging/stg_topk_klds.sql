select
    run_id,
    chunk,
    position,
    k,
    floor,
    kld_topk,
    floored,
    kld_lower,
    kld_upper,
from {{ source('raw', 'topk_klds') }}
where run_id in (select runs.run_id, from {{ source('raw', 'runs') }} as runs)
