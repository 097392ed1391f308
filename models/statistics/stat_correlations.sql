with points as (
    select
        members.cohort_id,
        members.zone_rule,
        members.threshold,
        members.quant_id,
        measurements.measurement_id,
        measurements.variant,
        fidelity.estimator,
        fidelity.value_oriented,
        targets.target,
        targets.figure,
    from {{ ref('fct_zone_members') }} as members
    inner join {{ ref('fct_fidelity') }} as fidelity using (cohort_id, quant_id)
    inner join {{ ref('dim_measurements') }} as measurements using (cohort_id, measurement_id)
    inner join (
        unpivot (select cohort_id, quant_id, composite, volume, direction, from {{ ref('fct_composites') }})
        on composite, volume, direction into name target value figure
    ) as targets using (cohort_id, quant_id)
    where members.is_member and members.is_default and measurements.variant is not null
),

answers as (
    select
        cohort_id,
        zone_rule,
        threshold,
        measurement_id,
        variant,
        estimator,
        target,
        spearman(
            list(value_oriented order by quant_id), list(figure order by quant_id),
            {{ var('n_permutations') }}, {{ var('n_resamples') }}, {{ var('seed') }}
        ) as answer,
    from points
    group by all
)

select
    cohort_id,
    zone_rule,
    threshold,
    measurement_id,
    variant,
    estimator,
    target,
    answer.n,
    answer.rho,
    answer.p_t,
    answer.p_permutation,
    answer.ci_low,
    answer.ci_high,
    answer.bca_low,
    answer.bca_high,
    answer.minimum_rho,
    answer.reason,
    correlation_verdict(answer.rho, answer.p_permutation, answer.ci_low, answer.ci_high, answer.minimum_rho, answer.n, answer.reason) as verdict,
    {{ var('n_permutations') }}::integer as n_permutations,
    {{ var('n_resamples') }}::integer as n_resamples,
    {{ var('seed') }}::integer as seed,
from answers
