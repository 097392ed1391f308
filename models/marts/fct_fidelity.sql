-- one row per run x metric that is a function of a mean
with metrics_of_means as (
    select
        means.run_id,
        metrics.metric,
        metrics.form,
        case metrics.form
            when 'mean' then means.mean
            when 'abs' then abs(means.mean)
            when 'exp' then exp(means.mean)
            when 'root' then sqrt(greatest(means.mean, 0))
        end as value,
        means.standard_error,
        means.standard_error_iid,
    from {{ ref('int_run_means') }} as means
    inner join {{ ref('metrics') }} as metrics using (quantity)
    where metrics.form in ('mean', 'abs', 'exp', 'root')
),

-- the same with the slope of that function, which carries the error of the mean over
slopes as (
    select
        *,
        case form when 'exp' then value when 'root' then 0.5 / nullif(value, 0) else 1 end as slope,
    from metrics_of_means
),

metrics as (
    select
        run_id,
        metric,
        value,
        slope * standard_error as standard_error,
        slope * standard_error_iid as standard_error_iid,
    from slopes
    union all by name
    select
        quantiles.run_id,
        quantiles.metric,
        quantiles.value,
    from (
        unpivot {{ ref('int_run_quantiles') }}
        on kld_median, kld_p90, kld_p95, kld_p99, kld_p999, kld_max, kld_cvar99
        into name metric value value
    ) as quantiles
    union all by name
    select
        run_id,
        metric,
        value,
        standard_error as standard_error_iid,
    from {{ ref('stg_summaries') }}
    union all by name
    -- a size that was not printed beside the figure itself
    select
        run_id,
        'ln_ppl_ratio_abs' as metric,
        any_value(abs(value)) filter (where metric = 'ln_ppl_ratio') as value,
        any_value(standard_error) filter (where metric = 'ln_ppl_ratio') as standard_error_iid,
    from {{ ref('stg_summaries') }}
    group by run_id
    having not bool_or(metric = 'ln_ppl_ratio_abs')
),

counts as (
    select
        run_id,
        n,
        nonfinite,
        censored,
    from {{ ref('int_run_quantiles') }}
    union all by name
    select
        run_id,
        max(n) as n,
    from {{ ref('stg_summaries') }}
    group by run_id
)

select
    runs.cohort_id,
    runs.quant_id,
    measurements.measurement_id,
    runs.estimator,
    routes.route,
    measurements.metric,
    metrics.value,
    metrics.value * measurements.orientation as value_oriented,
    metrics.standard_error,
    metrics.standard_error_iid,
    counts.n,
    counts.nonfinite,
    counts.censored,
    runs.status,
    runs.capture_kld,
    run_id,
from metrics
inner join {{ ref('int_current_runs') }} as runs using (run_id)
inner join {{ ref('int_routes') }} as routes using (run_id)
inner join counts using (run_id)
inner join {{ ref('dim_measurements') }} as measurements
    on runs.cohort_id = measurements.cohort_id
    and runs.corpus_id = measurements.corpus_id
    and runs.context_length = measurements.context_length
    and metrics.metric = measurements.metric
where metrics.value is not null
    and runs.role = 'quant'
