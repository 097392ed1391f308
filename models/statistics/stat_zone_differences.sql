with zones as (
    select cohort_id, estimator, zone_rule, threshold, quants,
    from {{ ref('stat_figures') }}
    where zone_rule <> 'full' and is_default
),

blocks as (
    select
        whole.cohort_id,
        zones.zone_rule,
        zones.threshold,
        whole.estimator,
        whole.measurements,
        whole.targets,
        whole.measured,
        list_transform(whole.quants, lambda quant: list_contains(zones.quants, quant)) as in_zone,
        unnest(zone_less_full(whole.measured, whole.figures, list_transform(whole.quants, lambda quant: list_contains(zones.quants, quant)), {{ var('n_resamples') }}, {{ var('seed') }})) as answer,
    from {{ ref('stat_figures') }} as whole
    inner join zones using (cohort_id, estimator)
    where whole.zone_rule = 'full'
)

select
    cohort_id,
    zone_rule,
    threshold,
    estimator,
    measurements[answer.measurement + 1] as measurement_id,
    targets[answer.target + 1] as target,
    answer.n_zone,
    answer.n,
    answer.rho_zone,
    answer.rho_full,
    restricted_rho(answer.rho_full, measured[answer.measurement + 1], list_where(measured[answer.measurement + 1], in_zone)) as rho_restricted,
    answer.difference,
    answer.ci_low,
    answer.ci_high,
    answer.reason,
from blocks
