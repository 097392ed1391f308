-- What do the study's printed correlations allow, given how many quants they rest on?
-- source: what the paper printed, or what is here. p_t is recomputed from rho and n; the interval
-- and the smallest rho that n quants find were not printed. smallest and largest: a range over
-- models as printed, over quants or pairs of them here.
select
    source,
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
from stat_published
order by kind, target, zone, source desc, cohort_id
