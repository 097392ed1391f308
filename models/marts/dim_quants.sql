select
    cohort_id,
    quant_id,
    role,
    file_sha256,
    file_name,
    file_bytes,
    bits_per_weight,
    file_type,
    tensor_types,
    made_from,
    block_levels,
    uploader,
    imatrix,
from {{ ref('stg_runs') }}
qualify row_number() over (partition by cohort_id, quant_id, role order by file_sha256 is null, made_from is null, started_at desc, run_id) = 1
