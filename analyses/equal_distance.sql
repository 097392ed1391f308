-- Do two quants that lie equally far from the reference answer equally well?
-- difference = composite of other_quant_id less that of quant_id; differ is shown (p_adjusted, by
-- Benjamini and Hochberg over the cohort's pairs by a scoring), cannot_tell leaves it open.
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
from stat_equal_distance_pairs
order by cohort_id, scoring, p, quant_id, other_quant_id
