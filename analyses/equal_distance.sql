select
    cohort_id,
    scoring,
    quant_id,
    other_quant_id,
    kld,
    other_kld,
    difference,
    low,
    high,
    p,
    p_adjusted,
    verdict,
from {{ ref('stat_equal_distance_pairs') }}
order by cohort_id, scoring, p, quant_id, other_quant_id
