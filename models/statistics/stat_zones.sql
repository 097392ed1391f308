with zones as (
    {{ zones_of_cohorts("<> 'full'", scores=true) }}
),

answered as (
    {{ answers_of_cohorts() }}
),

figures as (
    select
        zones.cohort_id,
        zones.scoring,
        unnest(zone_figures(
            zones.quants, answered.answers, {{ settings('n_resamples', 'n_splits', 'seed') }}
        )) as answer,
    from zones
    left join answered using (cohort_id, scoring)
)

select
    cohort_id,
    scoring,
    answer.zone_rule,
    answer.threshold,
    (answer.zone_rule, answer.threshold) in (
        select (rules.zone_rule, rules.threshold),
        from {{ ref('dim_zone_rules') }} as rules
        where rules.is_default
    ) as is_default,
    answer.kind,
    answer.n,
    answer.figure,
    answer.low,
    answer.high,
    answer.p,
    answer.p_adjusted,
    answer.resolvable,
    answer.verdict,
    answer.reason,
from figures
