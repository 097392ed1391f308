select
    cohort_id,
    corpus_id,
    context_length,
    estimator,
    quant_id,
    max(directions.chunks) as chunks,
    max(figure) filter (where kind = 'loss') as loss,
    max(directions.low) filter (where kind = 'loss') as loss_low,
    max(directions.high) filter (where kind = 'loss') as loss_high,
    max(directions.verdict) filter (where kind = 'loss') as loss_verdict,
    max(figure) filter (where kind = 'loss')
    - max(figure) filter (where kind = 'token_direction') as kld_mean,
    any_value(floors.noise_floor) as noise_floor,
    max(figure) filter (where kind = 'token_direction') as direction,
    max(directions.low) filter (where kind = 'token_direction') as direction_low,
    max(directions.high) filter (where kind = 'token_direction') as direction_high,
    max(directions.verdict) filter (where kind = 'token_direction') as verdict,
    max(directions.n) filter (where kind = 'improvement_share') as flips,
    max(figure) filter (where kind = 'improvement_share') as improvement_share,
    max(directions.low) filter (where kind = 'improvement_share') as share_low,
    max(directions.high) filter (where kind = 'improvement_share') as share_high,
    max(directions.verdict) filter (where kind = 'improvement_share') as share_verdict,
from {{ ref('stat_token_direction') }} as directions
left join {{ ref('stat_above_floor') }} as floors
    using (cohort_id, corpus_id, context_length, estimator, quant_id)
group by all
order by cohort_id, corpus_id, context_length, estimator, kld_mean, quant_id
