-- Does a prompt's KLD foretell that the quant fails it?
-- Ratio of geometric-mean KLD, failed over passed, and AUROC (0.5 = no use); within: prompts of one
-- kind of task only.
select
    cohort_id,
    quant_id,
    n_failed,
    n_passed,
    pooled_ratio,
    within_ratio,
    within_low,
    within_high,
    matched_ratio,
    auroc,
    auroc_within,
    auroc_within_low,
    auroc_within_high,
    lift_within,
    reason,
from stat_prompt_failure
order by cohort_id, quant_id
