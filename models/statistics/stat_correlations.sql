with answers as (
    select
        blocks.*,
        unnest(correlate(measured, figures, {{ var('n_permutations') }}, {{ var('n_resamples') }}, {{ var('seed') }}, uploaders)) as answer,
    from {{ ref('stat_figures') }} as blocks
)

select
    answers.cohort_id,
    answers.zone_rule,
    answers.threshold,
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
    case
        when answer.rho is not null and targets[answer.target + 1] = 'composite' and not zones.is_rankable then 'cannot tell: these prompts cannot rank the zone'
        else correlation_verdict(answer.rho, answer.p_max_t, answer.ci_low, answer.ci_high, answer.minimum_rho, answer.n, answer.reason)
    end as verdict,
    {{ var('n_permutations') }}::integer as n_permutations,
    {{ var('n_resamples') }}::integer as n_resamples,
    {{ var('seed') }}::integer as seed,
from answers
left join {{ ref('stat_zones') }} as zones using (cohort_id, zone_rule, threshold)
