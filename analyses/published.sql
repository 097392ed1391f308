-- What do the study's printed correlations allow, given how many quants they rest on?
-- whose: the paper's as printed, or one's own, here. p_t is recomputed from rho and n; the interval
-- and the smallest rho that n quants find were not printed. smallest and largest: a range over
-- models as printed, over quants or pairs of them here.
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
from stat_published
order by kind asc, target asc, zone asc, whose desc, cohort_id asc
