with zones as (
    {{ zones_of_cohorts("= 'full'") }}
),

answered as (
    {{ answers_of_cohorts() }}
),

labelled as (
    {{ families_of_cohorts() }}
),

fitted as (
    select
        zones.cohort_id,
        zones.scoring,
        unnest(zone_laws(
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
    answer.n,
    answer.families,
    answer.exponent,
    answer.half_kld,
    answer.floor,
    answer.scatter_families,
    answer.scatter_quants,
    answer.prompt_error,
    answer.reason,
from fitted
