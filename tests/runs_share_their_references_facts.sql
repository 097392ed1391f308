-- A quant's run and its reference's run agree on everything that decides what the numbers mean.
select quants.run_id
from {{ ref('stg_runs') }} as quants
left join {{ ref('stg_runs') }} as reference on quants.reference_run_id = reference.run_id
where quants.role = 'quant' and (
    reference.role is distinct from 'reference'
    {% for fact in ['task', 'cohort_id', 'corpus_id', 'context_length', 'tokenizer_sha256', 'token_stream_sha256', 'score_from', 'scored_span', 'harness', 'engine', 'engine_version', 'logits_dtype', 'metrics_version'] -%}
    or quants.{{ fact }} is distinct from reference.{{ fact }}
    {% endfor %}
)
