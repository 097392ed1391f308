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
    tensor_hashes,
    uploader,
    imatrix,
    -- chunks or answers side by side are a run's, not the member's
    array_to_string(
        list_filter(
            string_split(reading, ','), lambda setting: not starts_with(setting, 'sequences=')
        ),
        ','
    ) as reading,
from {{ ref('stg_runs') }}
where not {{ is_second_reading('role') }}
-- the run that says most of the file, else the latest
qualify
    row_number() over (
        partition by cohort_id, quant_id, role
        order by
            file_sha256 is null asc, made_from is null asc, tensor_hashes is null asc,
            file_bytes is null asc, started_at desc, run_id asc
    ) = 1
