-- depends_on: {{ ref('fct_fidelity') }} {{ ref('fct_scores') }} {{ ref('fct_topk_fidelity') }}
-- depends_on: {{ ref('fct_llama_perplexity') }} {{ ref('dim_quants') }}
-- depends_on: {{ ref('dim_measurements') }}
{%- for measure in measures() %}
select
    '{{ measure['name'] }}' as measure,
    cohort_id::varchar as cohort_id,
    quant_id::varchar as quant_id,
    value::double as value,
    value::double * {{ measure['orientation'] }} as value_oriented,
from ({{ measure['sql'] }})
where value is not null
union all
{% endfor %}
select
    null::varchar as measure,
    null::varchar as cohort_id,
    null::varchar as quant_id,
    null::double as value,
    null::double as value_oriented,
where false
