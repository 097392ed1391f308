with zones as (
    {{ zones_of_cohorts("<> 'full'") }}
),

answered as (
    {{ answers_of_cohorts() }}
),

labelled as (
    {{ families_of_cohorts() }}
),

compared as (
    select
        zones.cohort_id,
        zones.scoring,
        unnest(zone_nulls(
            zones.quants, answered.answers, labelled.families,
            {{ settings('wreck_kld', 'n_tosses', 'seed') }}
        )) as answer,
    from zones
    left join answered using (cohort_id, scoring)
    left join labelled using (cohort_id)
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
    answer.labelling,
    answer.kind,
    answer.n,
    answer.rho,
    answer.expected,
    answer.expected_low,
    answer.expected_high,
    answer.p,
    answer.p_adjusted,
    answer.verdict,
    answer.reason,
from compared
