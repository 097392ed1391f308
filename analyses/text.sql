with texts as (
    select
        cohort_id,
        corpus_id,
        context_length,
        estimator,
        quant_id,
        any_value(bytes) as bytes,
        any_value(chunks) as chunks,
        max(figure) filter (where kind = 'kld') as kld_mean,
        max(letters) filter (where kind = 'kld') as kld_letters,
        max(figure) filter (where kind = 'loss') as loss,
        max(letters) filter (where kind = 'loss') as loss_letters,
        max(figure) filter (where kind = 'flips') as flips,
        max(letters) filter (where kind = 'flips') as flips_letters,
        bool_or(is_lowest) filter (where kind = 'kld') as is_lowest,
        bool_or(is_smallest) filter (where kind = 'kld') as is_smallest,
        min(reason) as reason,
    from {{ ref('stat_text_groups') }}
    group by all
)

select
    cohort_id,
    corpus_id,
    context_length,
    estimator,
    quant_id,
    texts.bytes,
    texts.chunks,
    texts.kld_mean,
    texts.kld_letters,
    floors.noise_floor,
    texts.loss,
    texts.loss_letters,
    texts.flips,
    texts.flips_letters,
    texts.is_lowest,
    texts.is_smallest,
    texts.reason,
from texts
left join {{ ref('stat_above_floor') }} as floors
    using (cohort_id, corpus_id, context_length, estimator, quant_id)
order by cohort_id, corpus_id, context_length, estimator, texts.kld_mean, texts.loss, quant_id
