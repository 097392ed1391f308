with shown as (
    select distinct
        zone_rule,
        threshold,
    from {{ ref('fct_zone_members') }}
    where is_default
)

select
    cohort_id,
    scoring,
    zone_rule,
    threshold,
    variant,
    measurement_id,
    estimator,
    any_value(n) filter (where target = 'composite') as n,
    any_value(rho) filter (where target = 'composite') as score_rho,
    any_value(printf('[%.2f, %.2f]', low, high))
    filter (where target = 'composite') as score_ci,
    any_value(p_adjusted) filter (where target = 'composite') as score_p,
    any_value(rho) filter (where target = 'volume') as volume_rho,
    any_value(p_adjusted) filter (where target = 'volume') as volume_p,
    any_value(rho) filter (where target = 'direction') as direction_rho,
    any_value(p_adjusted) filter (where target = 'direction') as direction_p,
from {{ ref('stat_correlations') }}
where (zone_rule, threshold) in (select (shown.zone_rule, shown.threshold), from shown)
group by all
order by cohort_id, scoring, zone_rule, threshold, variant
