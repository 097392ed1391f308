with answers as (
    select
        blocks.*,
        unnest(correlate(measured, figures, {{ var('n_permutations') }}, {{ var('n_resamples') }}, {{ var('seed') }}, uploaders)) as answer,
    from {{ ref('stat_figures') }} as blocks
)

select
    cohort_id,
    zone_rule,
    threshold,
    measurements[answer.measurement + 1] as measurement_id,
    variants[answer.measurement + 1] as variant,
    estimator,
    targets[answer.target + 1] as target,
    answer.n,
    answer.rho,
    answer.p_t,
    answer.p_permutation,
    answer.p_max_t,
    answer.ci_low,
    answer.ci_high,
    answer.bca_low,
    answer.bca_high,
    answer.z_low,
    answer.z_high,
    answer.kendall_tau,
    answer.kendall_p,
    answer.somers_d,
    answer.without_group_low,
    answer.without_group_high,
    answer.largest_compatible,
    answer.minimum_rho,
    answer.reason,
    correlation_verdict(answer.rho, answer.p_max_t, answer.ci_low, answer.ci_high, answer.minimum_rho, answer.n, answer.reason) as verdict,
    {{ var('n_permutations') }}::integer as n_permutations,
    {{ var('n_resamples') }}::integer as n_resamples,
    {{ var('seed') }}::integer as seed,
from answers
