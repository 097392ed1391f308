select
    whose,
    cohort_id,
    zone,
    kind,
    target,
    n,
    n_is,
    figure,
    smallest,
    largest,
    p_printed,
    p_t,
    low,
    high,
    minimum_rho,
    reason,
from {{ ref('stat_published') }}
order by kind asc, target asc, zone asc, whose desc, cohort_id asc
