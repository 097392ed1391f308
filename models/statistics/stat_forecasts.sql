with foretold as (
    {{ foretold_of_cohorts('forecasts') }}
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
