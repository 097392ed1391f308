-- What forecasts the quants' pass/fail on prompts that were not asked?
-- rho of each forecaster on one half of the prompts (measurements need none) with pass/fail on the
-- other half, above 0 where it forecasts rightly; low and high hold for other families of quants
-- and other prompts. own: rho with itself on the other half; ceiling: what the quants' true order
-- would reach. less_answered, less_kld: rho less that of pass/fail, and of the main KLD, on what
-- both have, and what may be said of it. No measure is chosen because it tells most.
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
from stat_forecasts as foretold
left join stat_forecast_differences as answered
    on
    foretold.cohort_id = answered.cohort_id
    and foretold.zone_rule = answered.zone_rule
    and foretold.threshold = answered.threshold
    and foretold.forecaster = answered.forecaster
    and answered.other = 'answered'
left join stat_forecast_differences as klds
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
