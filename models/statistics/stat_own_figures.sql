with correlations as (
    {{ main_correlations() }}
),

ratios as (
    select
        cohort_id,
        min(figure) as smallest,
        max(figure) as largest,
    from {{ ref('stat_prompt_failure') }}
    where split = 'all' and kind = 'ratio_within'
    group by cohort_id
),

-- a pair of two models counts for both
pairs as (
    select
        unnest([cohort_id, other_cohort_id]) as cohort_id,
        figure,
    from {{ ref('stat_routers') }}
    where
        cohort_id <> other_cohort_id
        and kind = 'raw'
        and disagreements >= {{ var('router_prompts') }}
),

routers as (
    select
        cohort_id,
        count(figure) as n,
        median(figure) as figure,
        min(figure) as smallest,
        max(figure) as largest,
    from pairs
    group by cohort_id
)

select
    cohort_id,
    zone,
    'rho' as kind,
    target,
    n,
    rho as figure,
    null::double as smallest,
    null::double as largest,
    p_t,
    low,
    high,
    minimum_rho,
    reason,
from correlations
where target in ('composite', 'volume') and scoring = 'answered'
union all by name
select
    cohorts.cohort_id,
    'full' as zone,
    'failed_over_passed' as kind,
    overall.quants as n,
    overall.figure,
    ratios.smallest,
    ratios.largest,
    overall.low,
    overall.high,
    if(overall.figure is null, coalesce(overall.reason, 'answers have no KLD'), null) as reason,
from {{ ref('dim_cohorts') }} as cohorts
left join {{ ref('stat_prompt_failure_overall') }} as overall
    on
    cohorts.cohort_id = overall.cohort_id
    and overall.split = 'all'
    and overall.kind = 'ratio_within'
left join ratios on cohorts.cohort_id = ratios.cohort_id
union all by name
select
    cohorts.cohort_id,
    'full' as zone,
    'router' as kind,
    routers.n,
    routers.figure,
    routers.smallest,
    routers.largest,
    if(
        routers.figure is null,
        'no other model answered {{ var('router_prompts') }} prompts that divide them',
        null
    ) as reason,
from {{ ref('dim_cohorts') }} as cohorts
left join routers using (cohort_id)
