-- one row per cohort x scoring: pairs of quants that are told apart at all
with told as (
    select
        cohort_id,
        scoring,
        count(*) as pairs,
        count(*) filter (where {{ resolves('p_adjusted') }}) as apart,
        median(resolvable) as resolvable,
    from {{ ref('stat_pairs') }}
    where not other_is_reference
    group by all
)

select
    cohort_id,
    scoring,
    1::double as place,
    'pairs of quants of equal mean KLD whose composites differ' as finding,
    pairs as n,
    differ::double as figure,
    null::double as low,
    null::double as high,
    'equal_distance' as statistic,
    -- where nothing divides the pairs no difference of theirs can be said to be found
    if(verdict = 'not_refused' and resolvable is null, 'undivided', verdict) as verdict,
    map {
        'factor': printf('%.2g', {{ var('equal_distance') }}::double),
        'pairs': pairs::varchar,
        'quants': quants::varchar,
        'differ': differ::varchar,
        'differ_raw': differ_raw::varchar,
        'p': printf('%.2g', p),
        'resolvable': printf({{ points_form('scoring') }}, 100 * resolvable)
    } as facts,
from {{ ref('stat_equal_distance') }}
union all by name
select
    cohort_id,
    scoring,
    1.5::double as place,
    'pairs of quants that the benchmarks tell apart' as finding,
    pairs as n,
    apart::double as figure,
    null::double as low,
    null::double as high,
    'pairs' as statistic,
    if(resolvable is null, 'none_divided', 'counted') as verdict,
    map {
        'pairs': pairs::varchar,
        'apart': apart::varchar,
        'resolvable': printf({{ points_form('scoring') }}, 100 * resolvable)
    } as facts,
from told
