with metrics as (
    select
        cohort_id,
        fidelity.quant_id,
        fidelity.estimator,
        fidelity.route,
        fidelity.metric,
        fidelity.value,
        fidelity.standard_error,
        fidelity.n,
        fidelity.nonfinite,
        fidelity.status,
        fidelity.capture_kld,
    from {{ ref('fct_fidelity') }} as fidelity
    inner join {{ ref('dim_cohorts') }} as cohorts using (cohort_id)
    where
        ends_with(
            fidelity.measurement_id,
            ':' || cohorts.primary_corpus || ':' || cohorts.primary_context_length
        )
)

select
    metrics.cohort_id,
    metrics.quant_id,
    metrics.estimator,
    round(any_value(quants.bits_per_weight), 2) as bits_per_weight,
    max(metrics.value) filter (where metrics.metric = 'kld_mean') as kld_mean,
    max(metrics.standard_error) filter (where metrics.metric = 'kld_mean') as kld_mean_se,
    any_value(floors.noise_floor) as noise_floor,
    any_value(metrics.capture_kld) as capture_kld,
    max(metrics.value) filter (where metrics.metric = 'kld_median') as kld_median,
    max(metrics.value) filter (where metrics.metric = 'kld_p99') as kld_p99,
    max(metrics.value) filter (where metrics.metric = 'ppl') as ppl,
    max(metrics.value) filter (where metrics.metric = 'ln_ppl_ratio') as ln_ppl_ratio,
    max(metrics.standard_error) filter (where metrics.metric = 'ln_ppl_ratio') as ln_ppl_ratio_se,
    max(metrics.value) filter (where metrics.metric = 'top1_agreement') as top1_agreement,
    max(metrics.value) filter (where metrics.metric = 'dp_rms') as dp_rms,
    max(metrics.n) as n,
    max(metrics.nonfinite) as nonfinite,
    any_value(nullif(metrics.status, 'complete')) as status,
from metrics
inner join {{ ref('dim_quants') }} as quants
    on metrics.cohort_id = quants.cohort_id
    and metrics.quant_id = quants.quant_id
    and quants.role = 'quant'
left join {{ ref('stat_above_floor') }} as floors
    on metrics.cohort_id = floors.cohort_id
    and metrics.quant_id = floors.quant_id
    and metrics.estimator = floors.estimator
    and metrics.route = floors.route
    and floors.is_primary
group by metrics.cohort_id, metrics.quant_id, metrics.estimator
order by metrics.cohort_id, kld_mean
