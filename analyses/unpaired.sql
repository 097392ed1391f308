select
    cohort_id,
    quant_id,
    benchmark_id,
    scoring,
    answered_by,
    reason,
    min(first_difference) as first_difference,
    count(*) as prompts,
    array_to_string(list(item order by item)[:3], ', ') as for_example,
from {{ ref('fct_unpaired') }}
group by all
order by cohort_id, benchmark_id, quant_id, scoring, reason
