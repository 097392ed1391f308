with points as (
    {{ distances() }}
),

answers as (
    {{ answers_of_cohorts() }}
),

prompts_alone as (
    select
        points.cohort_id,
        points.estimator,
        unnest(these_quants(
            points.points, answers.answers, {{ settings('n_tosses', 'seed') }}
        )) as answer,
    from points
    left join answers using (cohort_id)
),

these as (
    select
        cohort_id,
        answer.zone_rule,
        answer.threshold,
        estimator,
        answer.measurement_id,
        answer.target,
        answer.n,
        answer.effective_n,
        answer.z,
        answer.p_these,
        answer.p_these_adjusted,
        answer.these_low,
        answer.these_high,
        answer.reason,
        count(*) over (
            partition by cohort_id, estimator, answer.zone_rule, answer.threshold, answer.target
        ) as measurements,
    from prompts_alone
),

compared as (
    select
        *,
        greatest(p_permutation, p_gls) as p,
        greatest(p_permutation_adjusted, p_gls_adjusted) as p_adjusted,
    from {{ ref('stat_relatives') }}
),

-- the labelling with the largest p speaks for a cell; one that is not tested, where none is
relatives as (
    select
        cohort_id,
        zone_rule,
        threshold,
        estimator,
        measurement_id,
        target,
        labelling,
        families,
        rho as rho_relatives,
        max(p) over cell as p,
        max(p_adjusted) over cell as p_adjusted,
        max(least_p) over cell as least_p,
        bool_and(sign(rho) = sign(t)) over cell as is_of_one_sign,
        bool_or(is_tested and labelling = 'declared') over cell as is_declared,
        slope,
        low,
        high,
        resolvable,
        reason,
    from compared
    window
        cell as (
            partition by cohort_id, zone_rule, threshold, estimator, measurement_id, target
        )
    qualify
        row_number() over (
            partition by cohort_id, zone_rule, threshold, estimator, measurement_id, target
            order by is_tested desc, p_adjusted desc, labelling desc
        ) = 1
)

select
    these.cohort_id,
    these.zone_rule,
    these.threshold,
    these.estimator,
    these.measurement_id,
    these.target,
    these.n,
    relatives.families,
    these.effective_n,
    relatives.labelling,
    relatives.is_declared,
    these.measurements,
    relatives.rho_relatives,
    relatives.p,
    relatives.p_adjusted,
    relatives.least_p,
    these.z,
    these.p_these,
    these.p_these_adjusted,
    relatives.slope,
    relatives.low,
    relatives.high,
    these.these_low,
    these.these_high,
    relatives.resolvable,
    case
        when these.n < {{ var('fewest_quants') }} then 'too_few'
        when these.p_these is null then 'no_verdict'
        when
            relatives.p_adjusted <= {{ alpha() }}
            and relatives.is_of_one_sign
            and relatives.is_declared
        then if(relatives.rho_relatives < 0, 'falls_beyond', 'rises_beyond')
        when these.p_these_adjusted <= {{ alpha() }}
        then if(these.z < 0, 'falls_here', 'rises_here')
        when relatives.p_adjusted is null then 'undivided'
        when relatives.least_p > {{ alpha() }} then 'no_deals'
        when relatives.p_adjusted <= {{ alpha() }} and not relatives.is_declared then 'undeclared'
        else 'cannot_tell'
    end as verdict,
    coalesce(these.reason, relatives.reason) as reason,
from these
left join relatives
    using (cohort_id, zone_rule, threshold, estimator, measurement_id, target)
