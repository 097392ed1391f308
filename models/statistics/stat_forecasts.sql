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
        unnest(forecasts(
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
    answer.n,
    answer.prompts,
    answer.families,
    answer.labelling,
    answer.rho,
    answer.low,
    answer.high,
    answer.single_low,
    answer.single_high,
    answer.own,
    answer.own_low,
    answer.own_high,
    answer.ceiling,
    answer.p,
    answer.p_adjusted,
    answer.resolvable,
    answer.verdict,
    answer.reason,
from foretold
