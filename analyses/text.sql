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
order by cohort_id, corpus_id, context_length, estimator, kld_mean, loss, quant_id
