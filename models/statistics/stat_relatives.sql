with points as (
    {{ points_of_cohorts() }}
),

answers as (
    {{ answers_of_cohorts() }}
),

families as (
    {{ families_of_cohorts() }}
),

tested as (
    select
        points.cohort_id,
        points.scoring,
        points.estimator,
        unnest(relatives(
            points.points, answers.answers, families.families,
            {{ settings('n_permutations', 'n_tosses', 'fewest_quants', 'seed') }}
        )) as answer,
    from points
    left join answers using (cohort_id, scoring)
    left join families using (cohort_id)
)

select
    cohort_id,
    scoring,
    answer.zone_rule,
    answer.threshold,
    estimator,
    answer.measurement_id,
    answer.target,
    answer.labelling,
    answer.n,
    answer.families,
    answer.largest_family,
    answer.is_tested,
    answer.family_share,
    answer.rho,
    answer.p_permutation,
    answer.p_permutation_adjusted,
    answer.least_p,
    answer.t,
    answer.df,
    answer.p_gls,
    answer.p_gls_adjusted,
    answer.family_sd,
    answer.own_sd,
    answer.slope,
    answer.low,
    answer.high,
    answer.resolvable,
    answer.reason,
from tested
