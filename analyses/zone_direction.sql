select
    cohort_id,
    scoring,
    zone_rule,
    threshold,
    kind,
    n,
    texts,
    figure,
    low,
    high,
    p,
    p_adjusted,
    detectable,
    verdict,
from {{ ref('stat_zone_direction') }}
order by cohort_id asc, scoring asc, kind desc, zone_rule asc, threshold asc
