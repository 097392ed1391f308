with zones as (
    {{ zones_of_cohorts("= 'full'") }}
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
        unnest(zone_edges(
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
    answer.labelling,
    answer.edge,
    answer.n,
    answer.rho,
    answer.expected,
    answer.expected_low,
    answer.expected_high,
from compared
