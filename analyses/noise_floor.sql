-- the control of each text, then every quant that it or a second reading says something of
with measured as (
    select
        fidelity.cohort_id,
        measurements.corpus_id,
        measurements.context_length,
        fidelity.route,
        fidelity.estimator,
        fidelity.quant_id,
        max(fidelity.value) filter (where fidelity.metric = 'kld_mean') as kld_mean,
        max(fidelity.standard_error) filter (where fidelity.metric = 'kld_mean') as kld_mean_se,
        max(fidelity.value) filter (where fidelity.metric = 'kld_p99') as kld_p99,
    from {{ ref('fct_fidelity') }} as fidelity
    inner join {{ ref('dim_measurements') }} as measurements
        on fidelity.cohort_id = measurements.cohort_id
        and fidelity.measurement_id = measurements.measurement_id
    where fidelity.metric in ('kld_mean', 'kld_p99')
    group by all
),

members as (
    select
        cohort_id,
        corpus_id,
        context_length,
        route,
        estimator,
        quant_id,
        'quant' as kind,
        measured.kld_mean,
        measured.kld_mean_se,
        measured.kld_p99,
        floors.difference,
        floors.low,
        floors.high,
        floors.p_adjusted,
        floors.chunks_needed,
        floors.noise_floor,
        coalesce(readings.reading, '') as reading,
        readings.kld_between,
        readings.kld_between_se,
        readings.flips_first as flips,
        readings.repeated_share,
        readings.repeated_share_se,
        coalesce(floors.chunks, readings.chunks) as chunks,
    from measured
    left join {{ ref('stat_above_floor') }} as floors
        using (cohort_id, corpus_id, context_length, route, estimator, quant_id)
    left join {{ ref('fct_readings') }} as readings
        using (cohort_id, corpus_id, context_length, route, estimator, quant_id)
    where floors.quant_id is not null
        or readings.quant_id is not null
    union all by name
    select
        cohort_id,
        controls.corpus_id,
        controls.context_length,
        controls.route,
        controls.estimator,
        cohorts.reference_id as quant_id,
        'control' as kind,
        controls.kld_mean,
        controls.kld_mean_se,
        controls.kld_p99,
        controls.kld_p99_se,
        controls.reading,
        controls.chunks,
        controls.is_floor,
    from {{ ref('fct_noise_floor') }} as controls
    inner join {{ ref('dim_cohorts') }} as cohorts using (cohort_id)
)

select
    cohort_id,
    corpus_id,
    context_length,
    route,
    estimator,
    quant_id,
    kind,
    reading,
    chunks,
    kld_mean,
    kld_mean_se,
    kld_p99,
    kld_p99_se,
    is_floor,
    noise_floor,
    difference,
    low,
    high,
    p_adjusted,
    chunks_needed,
    kld_between,
    kld_between_se,
    flips,
    repeated_share,
    repeated_share_se,
from members
order by cohort_id, corpus_id, context_length, route, estimator, kind, kld_mean, quant_id, reading
