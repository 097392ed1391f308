select
    file_sha256,
    model_name,
    architecture,
    file_name,
    file_bytes,
    parameters,
    vocab_size,
    tokenizer_sha256,
from {{ ref('stg_runs') }}
where file_sha256 is not null
qualify row_number() over (partition by file_sha256 order by started_at desc, run_id asc) = 1
