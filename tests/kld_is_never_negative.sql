-- KLD, reverse KLD and JSD are sums of terms that cannot be negative; JSD is at most ln 2, total variation at most 1.
select run_id, chunk, position, kld, kld_reverse, jsd, tv
from {{ ref('int_tokens') }}
where is_finite and not (kld >= 0 and kld_reverse >= 0 and jsd between 0 and 0.6931473 and tv between 0 and 1.000001)
