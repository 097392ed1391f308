select
    cohort_id,
    corpus_id,
    context_length,
    estimator,
    quant_id,
    max(chunks) as chunks,
    max(figure) filter (where kind = 'loss') as loss,
    max(low) filter (where kind = 'loss') as loss_low,
    max(high) filter (where kind = 'loss') as loss_high,
    max(verdict) filter (where kind = 'loss') as loss_verdict,
    max(figure) filter (where kind = 'loss')
    - max(figure) filter (where kind = 'token_direction') as kld_mean,
    max(figure) filter (where kind = 'token_direction') as direction,
    max(low) filter (where kind = 'token_direction') as direction_low,
    max(high) filter (where kind = 'token_direction') as direction_high,
    max(verdict) filter (where kind = 'token_direction') as verdict,
    max(n) filter (where kind = 'improvement_share') as flips,
    max(figure) filter (where kind = 'improvement_share') as improvement_share,
    max(low) filter (where kind = 'improvement_share') as share_low,
    max(high) filter (where kind = 'improvement_share') as share_high,
    max(verdict) filter (where kind = 'improvement_share') as share_verdict,
from {{ ref('stat_token_direction') }}
group by all
order by cohort_id, corpus_id, context_length, estimator, kld_mean, quant_id
