-- Does a prompt's KLD foretell what a quant makes of it?
-- Within kinds of task: ratio of geometric-mean KLD, and AUROC (0.5 = no use). split: failed
-- against passed, by the reference alone, dropped against kept where the reference passes,
-- leapfrogged against still wrong where it fails.
select
    cohort_id,
    split,
    kind,
    quant_id,
    n_event,
    n_other,
    figure,
    low,
    high,
    p_adjusted,
    verdict,
    reason,
from stat_prompt_failure
where kind in ('ratio_within', 'auroc_within')
order by cohort_id, kind, split, quant_id
