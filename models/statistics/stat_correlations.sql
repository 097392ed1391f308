with correlated as (
    select
        cohort_id,
        zone_rule,
        threshold,
        estimator,
        rank_correlations(
            list(struct_pack(quant_id, measurement_id, variant, target, uploader, x, y)),
            {{ settings('n_permutations', 'n_resamples', 'seed') }}
        ) as answers,
    from {{ ref('fct_zone_points') }}
    group by all
),

-- one row per measurement x target
correlations as (
    select
        cohort_id,
        zone_rule,
        threshold,
        estimator,
        unnest(answers) as answer,
    from correlated
)

select
    cohort_id,
    zone_rule,
    threshold,
    answer.measurement_id,
    answer.variant,
    estimator,
    answer.target,
    answer.n,
    answer.rho,
    answer.p_t,
    answer.p_permutation,
    answer.p_adjusted,
    answer.measurements,
    answer.low,
    answer.high,
    answer.method,
    answer.percentile_low,
    answer.percentile_high,
    answer.bca_low,
    answer.bca_high,
    answer.z_low,
    answer.z_high,
    answer.without_group_smallest,
    answer.without_group_largest,
    answer.largest_compatible,
    answer.minimum_rho,
    answer.reason,
    {{ var('n_permutations') }}::integer as n_permutations,
    {{ var('n_resamples') }}::integer as n_resamples,
    {{ var('seed') }}::integer as seed,
from correlations
