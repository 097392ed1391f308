-- pass/fail itself, the score by which decisions go, and the main KLD
with chosen as (
    select
        cohort_id,
        scoring as forecaster,
        scoring <> 'answered' as is_soft,
    from {{ ref('dim_scorings') }}
    where is_default or scoring = 'answered'
    union all by name
    select
        cohort_id,
        measurement_id as forecaster,
        null::boolean as is_soft,
    from {{ ref('dim_measurements') }}
    where variant = 1
),

rules as (
    select
        zone_rule,
        threshold,
    from {{ ref('dim_zone_rules') }}
    where is_default
),

forecasts as (
    select
        cohort_id,
        'what forecasts answers to prompts not asked, silent zone: ' || forecaster as finding,
        0.5 + case
            when chosen.is_soft then 0.01
            when chosen.is_soft is null then 0.02
            else 0
        end as place,
        foretold.n,
        foretold.rho as figure,
        foretold.low,
        foretold.high,
        'forecasts' as statistic,
        foretold.verdict,
        foretold.p_adjusted,
        foretold.resolvable,
        foretold.reason,
        'answered' as other,
    from {{ ref('stat_forecasts') }} as foretold
    inner join rules using (zone_rule, threshold)
    inner join chosen using (cohort_id, forecaster)
),

differences as (
    select
        foretold.cohort_id,
        'forecasts answers: ' || foretold.forecaster || ' less ' || foretold.other
        || ', silent zone' as finding,
        0.55 + case
            when one.is_soft is null then 0.01
            when other.is_soft is null then 0.02
            else 0
        end as place,
        foretold.n,
        foretold.difference as figure,
        foretold.low,
        foretold.high,
        'forecast_differences' as statistic,
        foretold.verdict,
        foretold.p_adjusted,
        foretold.resolvable,
        foretold.reason,
        foretold.other,
    from {{ ref('stat_forecast_differences') }} as foretold
    inner join rules using (zone_rule, threshold)
    inner join chosen as one
        on
        foretold.cohort_id = one.cohort_id
        and foretold.forecaster = one.forecaster
    inner join chosen as other
        on
        foretold.cohort_id = other.cohort_id
        and foretold.other = other.forecaster
),

told as (
    select *, from forecasts
    union all by name
    select *, from differences
)

select
    cohort_id,
    place::double as place,
    finding,
    n,
    figure,
    low,
    high,
    statistic,
    verdict,
    map {
        'n': n::varchar,
        'low': coalesce(printf('%.2f', low), 'unknown'),
        'high': coalesce(printf('%.2f', high), 'unknown'),
        'p_adjusted': coalesce(printf('%.2g', p_adjusted), 'unknown'),
        'resolvable': coalesce(printf('%.2f', resolvable), 'unknown'),
        'told': if(
            resolvable > 1, 'none', 'one of ' || coalesce(printf('%.2f', resolvable), 'unknown')
        ),
        'other': other,
        'reason': coalesce(reason, 'unknown'),
        'fewest_quants': '{{ var('fewest_quants') }}'
    } as facts,
from told
