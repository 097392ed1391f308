select
    runs.cohort_id,
    runs.quant_id,
    runs.corpus_id,
    runs.context_length,
    runs.estimator,
    chunks.chunk,
    chunks.n,
    chunks.sum_kld as kld_sum,
    chunks.sum_nll as nll_sum,
    chunks.sum_delta_loss as delta_loss_sum,
    chunks.sum_top1_agree as top1_agree_sum,
    chunks.sum_delta_p_squared as delta_p_squared_sum,
    map_keys(chunks.kld_histogram) as kld_buckets,
    map_values(chunks.kld_histogram)::bigint[] as kld_counts,
    chunks.run_id,
from {{ ref('int_run_chunks') }} as chunks
inner join {{ ref('int_current_runs') }} as runs using (run_id)
where runs.task = 'corpus'
