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
from {{ ref('stat_routers') }}
where disagreements > 0 and kind <> 'ranked'
order by
    cohort_id asc,
    other_cohort_id <> cohort_id asc,
    disagreements desc,
    quant_id asc,
    other_cohort_id asc,
    other_quant_id asc,
    kind asc
