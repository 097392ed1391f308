with correlated as (
    select
        cohort_id,
        scoring,
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
unnested as (
    select
        cohort_id,
        scoring,
        zone_rule,
        threshold,
        estimator,
        unnest(answers) as answer,
    from correlated
),

correlations as (
    select
        cohort_id,
        scoring,
        zone_rule,
        threshold,
        estimator,
        answer.measurement_id,
        answer.variant,
        answer.target,
        answer.n,
        answer.rho,
        answer.p_t,
        answer.p_permutation,
        answer.p_adjusted,
        answer.measurements,
        answer.low,
        answer.high,
        answer.interval,
        answer.without_group_smallest,
        answer.without_group_largest,
        answer.largest_compatible,
        answer.minimum_rho,
        answer.reason,
    from unnested
)

select
    correlations.cohort_id,
    correlations.scoring,
    correlations.zone_rule,
    correlations.threshold,
    correlations.measurement_id,
    correlations.variant,
    correlations.estimator,
    correlations.target,
    correlations.n,
    correlations.rho,
    correlations.p_t,
    correlations.p_permutation,
    correlations.p_adjusted,
    correlations.measurements,
    correlations.low,
    correlations.high,
    correlations.interval,
    correlations.without_group_smallest,
    correlations.without_group_largest,
    correlations.largest_compatible,
    correlations.minimum_rho,
    correlations.reason,
    trends.families,
    trends.effective_n,
    trends.p_adjusted as p_relatives,
    trends.verdict,
    {{ var('n_permutations') }}::integer as n_permutations,
    {{ var('n_resamples') }}::integer as n_resamples,
    {{ var('seed') }}::integer as seed,
from correlations
left join {{ ref('stat_trends') }} as trends
    using (cohort_id, scoring, zone_rule, threshold, measurement_id, estimator, target)
