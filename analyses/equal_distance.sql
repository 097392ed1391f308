select
    pairs.cohort_id,
    pairs.scoring,
    pairs.quant_id,
    pairs.other_quant_id,
    pairs.kld,
    floors.noise_floor,
    pairs.other_kld,
    other_floors.noise_floor as other_noise_floor,
    pairs.difference,
    pairs.low,
    pairs.high,
    pairs.p,
    pairs.p_adjusted,
    pairs.verdict,
from {{ ref('stat_equal_distance_pairs') }} as pairs
left join {{ primary_floors() }} as floors using (cohort_id, quant_id)
left join {{ primary_floors() }} as other_floors
    on
    pairs.cohort_id = other_floors.cohort_id
    and pairs.other_quant_id = other_floors.quant_id
order by pairs.cohort_id, pairs.scoring, pairs.p, pairs.quant_id, pairs.other_quant_id
