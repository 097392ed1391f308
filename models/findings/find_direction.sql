with kinds (kind, place, finding) as (
    values
    ('improvement_share', 4.4, 'leapfrogs of all disagreements, silent zone'),
    ('change_per_doubling', 4.5, 'change of that share when KLD doubles, silent zone')
),

-- zones of which a p is there: what adjusts
tested as (
    select
        cohort_id,
        scoring,
        kind,
        count(p) as zones,
    from {{ ref('stat_zone_direction') }}
    group by all
)

select
    leaning.cohort_id,
    leaning.scoring,
    kinds.place::double as place,
    kinds.finding,
    leaning.n,
    leaning.figure,
    leaning.low,
    leaning.high,
    'zone_direction' as statistic,
    leaning.verdict,
    map {
        'n': leaning.n::varchar,
        'texts': leaning.texts::varchar,
        'disagreements': printf('%.0f', leaning.disagreements),
        'p_adjusted': printf('%.2g', leaning.p_adjusted),
        'zones': tested.zones::varchar,
        'detectable': coalesce(printf('%.2f', leaning.detectable), 'nothing that can be')
    } as facts,
from {{ ref('stat_zone_direction') }} as leaning
inner join kinds using (kind)
inner join tested using (cohort_id, scoring, kind)
inner join {{ ref('dim_zone_rules') }} as zones using (zone_rule, threshold)
where zones.is_default
