-- Would the quant with the lower KLD on a prompt be the right one to ask?
-- Only prompts that exactly one of two passes, two quants of a cohort or the same quant of two
-- models; better: always asking the one that is right more often; raw KLD, and its rank within
-- kinds of task.
select
    cohort_id,
    quant_id,
    other_cohort_id,
    other_quant_id,
    kind,
    disagreements,
    figure,
    low,
    high,
    p_adjusted,
    better,
    gain,
    gain_low,
    gain_high,
    verdict,
    reason,
from stat_routers
where disagreements > 0 and kind <> 'ranked'
order by
    cohort_id asc,
    other_cohort_id <> cohort_id asc,
    disagreements desc,
    quant_id asc,
    other_cohort_id asc,
    other_quant_id asc,
    kind asc
