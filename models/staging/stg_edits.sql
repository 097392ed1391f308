select
    sequence,
    run_id,
    field,
    value,
    why,
    edited_at::timestamptz as edited_at,
    qwh_version,
from {{ source('raw', 'edits') }}
