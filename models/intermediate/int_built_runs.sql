select run_id,
from {{ ref('stg_runs') }}
