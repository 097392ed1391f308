select
    cohort_id,
    zone_rule,
    threshold,
    scoring,
    quantity,
    n,
    families,
    exponent,
    low,
    high,
    argued,
    p_adjusted,
    verdict,
    reason,
from {{ ref('stat_scaling') }}
order by cohort_id, zone_rule, threshold, scoring, quantity
