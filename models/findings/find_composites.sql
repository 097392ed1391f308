-- one row per cohort x scoring x verdict: how many quants got it
with verdicts as (
    select
        cohort_id,
        scoring,
        verdict,
        count(*) as quants,
        count(difference) as known,
        list(difference) as differences,
    from {{ ref('stat_composites') }}
    group by all
)

select
    cohort_id,
    scoring,
    5::double as place,
    'composite less the reference''s, median quant' as finding,
    sum(known)::bigint as n,
    list_median(flatten(list(differences))) as figure,
    null::double as low,
    null::double as high,
    'composites' as statistic,
    if(sum(known) > 0, 'counted', 'uncounted') as verdict,
    map {
        'counts': string_agg(quants || ' ' || verdict, ', ' order by quants desc, verdict asc),
        'n': sum(known)::bigint::varchar,
        'margin': printf('%.2g', 100 * {{ margin_of('scoring') }}),
        'smallest': {{ signed_points('min(list_min(differences))', 'scoring') }},
        'largest': {{ signed_points('max(list_max(differences))', 'scoring') }}
    } as facts,
from verdicts
group by cohort_id, scoring
