with correlations as (
    {{ main_correlations() }}
),

-- the first context length of each text, by the estimator that has most quants
agreements as (
    select
        *,
        count(rho) over (partition by cohort_id, scoring) as figures,
    from {{ ref('stat_direction_agreement') }}
    qualify
        measured = 'token_direction'
        and row_number() over (
            partition by cohort_id, scoring, corpus_id, measured
            order by context_length asc, n desc, estimator asc
        ) = 1
)

select
    correlations.cohort_id,
    correlations.scoring,
    (
        3.0 + 0.1 * list_position(['composite', 'volume', 'direction'], correlations.target)
        + if(correlations.zone = 'full', 0.0, 0.3)
    )::double as place,
    'rho of mean KLD and ' || correlations.target
    || if(correlations.zone = 'full', ', full cohort', ', silent zone') as finding,
    correlations.n,
    correlations.rho as figure,
    redrawn.low,
    redrawn.high,
    'trends' as statistic,
    trends.verdict,
    {{ trend_facts('trends') }} as facts,
from correlations
inner join {{ ref('stat_trends') }} as trends
    using (cohort_id, scoring, zone_rule, threshold, measurement_id, estimator, target)
left join {{ ref('stat_two_level') }} as redrawn
    using (cohort_id, scoring, zone_rule, threshold, measurement_id, estimator, target)
union all by name
select
    cohort_id,
    scoring,
    8::double as place,
    'rho of direction on tokens (' || corpus_id || ') and on the benchmarks' as finding,
    n,
    rho as figure,
    low,
    high,
    'direction_agreement' as statistic,
    verdict,
    map {
        'n': n::varchar,
        'prompts': prompts::varchar,
        'low': coalesce(printf('%.2f', low), 'unknown'),
        'high': coalesce(printf('%.2f', high), 'unknown'),
        'p': coalesce(printf('%.2g', p_adjusted), 'not tested'),
        'figures': figures::varchar,
        'fewest_quants': '{{ var('fewest_quants') }}',
        'reason': coalesce(reason, '')
    } as facts,
from agreements
