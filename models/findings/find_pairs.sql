select
    cohort_id,
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
        'resolvable': printf('%.1f', 100 * resolvable)
    } as facts,
from {{ ref('stat_equal_distance') }}
