with texts as (
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
)

select
    cohort_id,
    corpus_id,
    context_length,
    estimator,
    quant_id,
    texts.chunks,
    texts.loss,
    texts.loss_low,
    texts.loss_high,
    texts.loss_verdict,
    texts.kld_mean,
    floors.noise_floor,
    texts.direction,
    texts.direction_low,
    texts.direction_high,
    texts.verdict,
    texts.flips,
    texts.improvement_share,
    texts.share_low,
    texts.share_high,
    texts.share_verdict,
from texts
left join {{ ref('stat_above_floor') }} as floors
    using (cohort_id, corpus_id, context_length, estimator, quant_id)
order by cohort_id, corpus_id, context_length, estimator, texts.kld_mean, quant_id
