select
    cohort_id,
    9::double as place,
    'no row in ' || string_agg(table_name, ', ' order by table_name) as finding,
    null::bigint as n,
    null::double as figure,
    null::double as low,
    null::double as high,
    'gaps' as statistic,
    'no_rows' as verdict,
    map { 'reason': reason } as facts,
from {{ ref('stat_gaps') }}
group by cohort_id, reason
