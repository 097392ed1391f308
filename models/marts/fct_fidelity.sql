with means as (
    from {{ ref('int_run_means') }}
),

metrics as (
    select run_id, metric, mean as value, standard_error, standard_error_iid,
    from means
    inner join (values ('kld', 'kld_mean'), ('kld_reverse', 'kld_reverse_mean'), ('jsd', 'jsd_mean'), ('tv', 'tv_mean'), ('delta_loss', 'ln_ppl_ratio'), ('delta_p', 'dp_mean'), ('top1_agree', 'top1_agreement'), ('token_direction', 'token_direction')) as names (quantity, metric) using (quantity)
    union all
    select run_id, 'ln_ppl_ratio_abs', abs(mean), standard_error, standard_error_iid,
    from means
    where quantity = 'delta_loss'
    union all
    -- first-order error of a function of a mean: |f'(mean)| x error
    select run_id, case when quantity = 'nll' then 'ppl' else 'kld_gmean' end, exp(mean), exp(mean) * standard_error, exp(mean) * standard_error_iid,
    from means
    where quantity in ('nll', 'ln_kld')
    union all
    select run_id, 'dp_rms', root, standard_error / nullif(2 * root, 0), standard_error_iid / nullif(2 * root, 0),
    from (select *, sqrt(greatest(mean, 0)) as root from means)  -- other quantities' means may be negative and not yet filtered out
    where quantity = 'delta_p_squared'
    union all
    select run_id, metric, value, null, null,
    from (unpivot {{ ref('int_run_quantiles') }} on kld_median, kld_p90, kld_p95, kld_p99, kld_p999, kld_max, kld_cvar99 into name metric value value)
    union all
    select run_id, metric, value, null, standard_error,
    from {{ ref('stg_summaries') }}
),

counts as (
    select run_id, n, nonfinite, censored,
    from {{ ref('int_run_quantiles') }}
    union all
    select run_id, max(n), null, null,
    from {{ ref('stg_summaries') }}
    group by run_id
)

select
    runs.cohort_id,
    runs.quant_id,
    measurements.measurement_id,
    runs.estimator,
    measurements.metric,
    metrics.value,
    metrics.value * measurements.orientation as value_oriented,
    metrics.standard_error,
    metrics.standard_error_iid,
    counts.n,
    counts.nonfinite,
    counts.censored,
    runs.run_id,
from metrics
inner join {{ ref('int_current_runs') }} as runs using (run_id)
inner join counts using (run_id)
inner join {{ ref('dim_measurements') }} as measurements
    on runs.cohort_id = measurements.cohort_id
    and runs.corpus_id = measurements.corpus_id
    and runs.context_length = measurements.context_length
    and metrics.metric = measurements.metric
where metrics.value is not null and runs.role = 'quant'
