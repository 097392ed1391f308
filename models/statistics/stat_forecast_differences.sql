with scored as (
    {{ scored_of_cohorts(losses=true) }}
),

measured as (
    {{ measured_zones_of_cohorts() }}
),

labelled as (
    {{ families_of_cohorts() }}
),

foretold as (
    select
        cohort_id,
        unnest(forecast_differences(
            scored.scored, measured.measured, labelled.families,
            {{ settings('n_splits', 'n_tosses', 'fewest_quants', 'seed') }}
        )) as answer,
    from scored
    inner join measured using (cohort_id)
    left join labelled using (cohort_id)
)

select
    cohort_id,
    answer.zone_rule,
    answer.threshold,
    answer.forecaster,
    answer.other,
    answer.n,
    answer.prompts,
    answer.families,
    answer.labelling,
    answer.difference,
    answer.low,
    answer.high,
    answer.p,
    answer.p_adjusted,
    answer.resolvable,
    answer.verdict,
    answer.reason,
from foretold
