-- Can the scores rank the quants of the silent zone, and does rho there need more than their noise?
-- line_expected: rho in the zone if the score went on falling in one straight line with KLD, noise
-- added; verdict compares both.
select
    cohort_id,
    zone_rule,
    threshold,
    n_zone,
    n,
    rho_zone,
    rho_full,
    line_expected,
    line_low,
    line_high,
    verdict,
    coalesce(reliability_halves, reliability) as reliability,
    noise_ceiling,
    p_ranking,
    is_rankable,
    fall_per_doubling,
    reason,
from stat_zones
order by cohort_id, zone_rule, threshold
