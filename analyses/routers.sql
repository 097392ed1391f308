-- Would the quant with the lower KLD on a prompt be the right one to ask?
-- Only prompts that exactly one of two passes, two quants of a cohort or the same quant of two
-- models; better: always asking the one that is right more often.
select
    cohort_id,
    quant_id,
    other_cohort_id,
    other_quant_id,
    disagreements,
    raw_accuracy,
    raw_low,
    raw_high,
    raw_p,
    within_accuracy,
    raw_better as better,
    raw_gain as gain,
    raw_gain_low as gain_low,
    raw_gain_high as gain_high,
    reason,
from stat_routers
where disagreements > 0
order by
    cohort_id asc,
    other_cohort_id <> cohort_id asc,
    disagreements desc,
    quant_id asc,
    other_cohort_id asc,
    other_quant_id asc
