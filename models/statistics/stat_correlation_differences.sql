-- one row per two measurements x target
with compared as (
    select
        *,
        unnest(correlation_differences(
            measured, figures, {{ var('n_resamples') }}, {{ var('seed') }}
        )) as answer,
    from {{ ref('stat_figures') }}
    where is_default
)

select
    cohort_id,
    zone_rule,
    threshold,
    estimator,
    measurements[answer.first + 1] as measurement_id,
    measurements[answer.second + 1] as other_measurement_id,
    targets[answer.target + 1] as target,
    answer.n,
    answer.difference,
    answer.ci_low,
    answer.ci_high,
    answer.p_meng,
    answer.reason,
from compared
where targets[answer.target + 1] in ('composite', 'volume', 'direction')
