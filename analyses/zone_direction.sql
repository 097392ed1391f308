-- Which way does each zone's disagreement with the reference lean, and does it with KLD?
-- improvement_share: leapfrogs of all disagreements of its quants, 0.5 = neither way;
-- change_per_doubling: what that share gains when the KLD doubles. Both hold for these quants.
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
from stat_zone_direction
order by cohort_id asc, scoring asc, kind desc, zone_rule asc, threshold asc
