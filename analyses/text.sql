select
    cohort_id,
    corpus_id,
    context_length,
    estimator,
    quant_id,
    any_value(groups.bytes) as bytes,
    any_value(groups.chunks) as chunks,
    max(figure) filter (where kind = 'kld') as kld_mean,
    max(letters) filter (where kind = 'kld') as kld_letters,
    any_value(floors.noise_floor) as noise_floor,
    max(figure) filter (where kind = 'loss') as loss,
    max(letters) filter (where kind = 'loss') as loss_letters,
    max(figure) filter (where kind = 'flips') as flips,
    max(letters) filter (where kind = 'flips') as flips_letters,
    bool_or(is_lowest) filter (where kind = 'kld') as is_lowest,
    bool_or(is_smallest) filter (where kind = 'kld') as is_smallest,
    min(groups.reason) as reason,
from {{ ref('stat_text_groups') }} as groups
left join {{ ref('stat_above_floor') }} as floors
    using (cohort_id, corpus_id, context_length, estimator, quant_id)
group by all
order by cohort_id, corpus_id, context_length, estimator, kld_mean, loss, quant_id
