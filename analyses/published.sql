-- What do the study's printed correlations allow, given how many quants they rest on?
-- p_t is recomputed from the printed rho and n; the interval and the smallest rho that n quants
-- find were not printed.
select
    cohort_id,
    zone,
    target,
    n,
    n_is,
    rho,
    p_printed,
    p_t,
    ci_low,
    ci_high,
    minimum_rho,
    reason,
from stat_published
order by cohort_id, zone, target
