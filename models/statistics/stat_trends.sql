with points as (
    {{ points_of_cohorts() }}
),

answers as (
    {{ answers_of_cohorts() }}
),

prompts_alone as (
    select
        points.cohort_id,
        points.scoring,
        points.estimator,
        unnest(these_quants(
            points.points, answers.answers, {{ settings('n_tosses', 'fewest_quants', 'seed') }}
        )) as answer,
    from points
    left join answers using (cohort_id, scoring)
),

these as (
    select
        cohort_id,
        scoring,
        answer.zone_rule,
        answer.threshold,
        estimator,
        answer.measurement_id,
        answer.target,
        answer.n,
        answer.measurements,
        answer.effective_n,
        answer.z,
        answer.p_these,
        answer.p_these_adjusted,
        answer.these_low,
        answer.these_high,
        answer.reason,
    from prompts_alone
),

labellings as (
    select
        cohort_id,
        scoring,
        zone_rule,
        threshold,
        estimator,
        measurement_id,
        target,
        list(struct_pack(
            labelling, is_tested, rho, t, p_permutation, p_gls, p_permutation_adjusted,
            p_gls_adjusted, least_p
        )) as labelled,
    from {{ ref('stat_relatives') }}
    group by all
),

judged as (
    select
        these.*,
        trend(
            labellings.labelled,
            struct_pack(
                n := these.n,
                z := these.z,
                p_these_adjusted := these.p_these_adjusted,
                fewest_quants := {{ var('fewest_quants') }}
            )
        ) as answer,
    from these
    left join labellings
        using (cohort_id, scoring, zone_rule, threshold, estimator, measurement_id, target)
)

select
    judged.cohort_id,
    judged.scoring,
    judged.zone_rule,
    judged.threshold,
    judged.estimator,
    judged.measurement_id,
    judged.target,
    judged.n,
    relatives.families,
    judged.effective_n,
    judged.answer.labelling,
    judged.answer.is_declared,
    judged.measurements,
    relatives.rho as rho_relatives,
    judged.answer.p,
    judged.answer.p_adjusted,
    judged.answer.least_p,
    judged.z,
    judged.p_these,
    judged.p_these_adjusted,
    relatives.slope,
    relatives.low,
    relatives.high,
    judged.these_low,
    judged.these_high,
    relatives.resolvable,
    judged.answer.verdict,
    coalesce(judged.reason, relatives.reason) as reason,
from judged
left join {{ ref('stat_relatives') }} as relatives
    on
    judged.cohort_id = relatives.cohort_id
    and judged.scoring = relatives.scoring
    and judged.zone_rule = relatives.zone_rule
    and judged.threshold = relatives.threshold
    and judged.estimator = relatives.estimator
    and judged.measurement_id = relatives.measurement_id
    and judged.target = relatives.target
    and judged.answer.labelling = relatives.labelling
