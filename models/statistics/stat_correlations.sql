-- one row per zone x measurement x target
with correlated as (
    select
        blocks.*,
        zones.is_rankable,
        unnest(correlate(
            blocks.measured, blocks.figures,
            {{ var('n_permutations') }}, {{ var('n_resamples') }}, {{ var('seed') }},
            blocks.uploaders
        )) as answer,
    from {{ ref('stat_figures') }} as blocks
    left join {{ ref('stat_zones') }} as zones using (cohort_id, zone_rule, threshold)
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
    answer.without_group_low,
    answer.without_group_high,
    answer.largest_compatible,
    answer.minimum_rho,
    answer.reason,
    case
        when answer.rho is not null and targets[answer.target + 1] = 'composite' and not is_rankable
        then 'cannot tell: these prompts cannot rank the zone'
        else correlation_verdict(
                answer.rho, answer.p_max_t, answer.ci_low, answer.ci_high,
                answer.minimum_rho, answer.n, answer.reason
            )
    end as verdict,
    {{ var('n_permutations') }}::integer as n_permutations,
    {{ var('n_resamples') }}::integer as n_resamples,
    {{ var('seed') }}::integer as seed,
from correlated
