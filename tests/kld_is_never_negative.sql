-- KLD, reverse KLD and JSD are sums of terms that cannot be negative; JSD is at most ln 2, total variation at most 1.
select run_id, chunk, impossible,
from {{ ref('int_run_chunks') }}
where impossible > 0
