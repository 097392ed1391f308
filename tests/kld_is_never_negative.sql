-- KLD, reverse KLD and JSD are sums of terms that cannot be negative; JSD is at most ln 2, total
-- variation at most 1. A run has each of the last three for every KLD, or not at all.
select
    run_id,
    chunk,
    impossible,
    n_kld,
    n_kld_reverse,
    n_jsd,
    n_tv,
from {{ ref('int_run_chunks') }}
where impossible > 0
    or n_kld_reverse not in (0, n_kld)
    or n_jsd not in (0, n_kld)
    or n_tv not in (0, n_kld)
