select
    runs.cohort_id,
    runs.quant_id,
    runs.corpus_id,
    runs.context_length,
    runs.estimator,
    chunks.chunk,
    chunks.n,
    {% for name in ('kld', 'nll', 'delta_loss', 'top1_agree', 'delta_p_squared') -%}
    chunks.sum_{{ name }} as {{ name }}_sum,
    {% endfor -%}
    map_keys(chunks.kld_histogram) as kld_buckets,
    map_values(chunks.kld_histogram)::bigint[] as kld_counts,
    chunks.run_id,
from {{ ref('int_run_chunks') }} as chunks
inner join {{ ref('int_current_runs') }} as runs using (run_id)
where runs.task = 'corpus'
