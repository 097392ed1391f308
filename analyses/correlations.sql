-- Which measurements of distance go with the score, with the volume and with the direction of disagreement?
-- Spearman over the quants of a cohort, full and in the default silent zone; a larger measurement is further from the reference.
select
    cohort_id,
    zone_rule,
    threshold,
    variant,
    measurement_id,
    target,
    n,
    rho,
    ci_low,
    ci_high,
    p_t,
    p_permutation,
    minimum_rho,
    verdict,
from stat_correlations
order by cohort_id, target, zone_rule, threshold, variant
