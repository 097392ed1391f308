select
    foretold.cohort_id,
    foretold.zone_rule,
    foretold.threshold,
    foretold.forecaster,
    foretold.n,
    foretold.families,
    foretold.prompts,
    foretold.rho,
    foretold.low,
    foretold.high,
    foretold.own,
    foretold.ceiling,
    foretold.p_adjusted,
    foretold.verdict,
    answered.difference as less_answered,
    answered.low as less_answered_low,
    answered.high as less_answered_high,
    answered.verdict as against_answered,
    klds.difference as less_kld,
    klds.low as less_kld_low,
    klds.high as less_kld_high,
    klds.verdict as against_kld,
    foretold.reason,
from {{ ref('stat_forecasts') }} as foretold
left join {{ ref('stat_forecast_differences') }} as answered
    on
    foretold.cohort_id = answered.cohort_id
    and foretold.zone_rule = answered.zone_rule
    and foretold.threshold = answered.threshold
    and foretold.forecaster = answered.forecaster
    and answered.other = 'answered'
left join {{ ref('stat_forecast_differences') }} as klds
    on
    foretold.cohort_id = klds.cohort_id
    and foretold.zone_rule = klds.zone_rule
    and foretold.threshold = klds.threshold
    and foretold.forecaster = klds.forecaster
    and klds.other <> 'answered'
order by
    foretold.cohort_id,
    foretold.zone_rule,
    foretold.threshold,
    foretold.forecaster <> 'answered',
    foretold.own is null,
    foretold.forecaster
