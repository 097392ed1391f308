with foretold as (
    {{ foretold_of_cohorts('forecast_differences') }}
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
