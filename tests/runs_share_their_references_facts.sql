-- A run and its reference's run agree on everything that decides what the numbers mean; `differs`
-- names what does not. Where the reading is another one, what it moves by design may differ.
{% set of_reading = ['batch_size', 'ubatch_size'] -%}
{% set facts = [
    'task',
    'cohort_id',
    'corpus_id',
    'tokenizer_sha256',
    'token_stream_sha256',
    'context_length',
    'chunks',
    'score_from',
    'scored_span',
    'harness',
    'engine',
    'engine_version',
    'device',
    'batch_size',
    'ubatch_size',
    'logits_dtype',
    'metrics_version',
] -%}
with pairs as (
    select
        quants.run_id,
        list_filter([
            if(reference.role is distinct from 'reference', 'role', null),
            {% for fact in facts -%}
                if(
                    quants.{{ fact }} is distinct from reference.{{ fact }}
                    {% if fact in of_reading -%}
                        and quants.reading is not distinct from reference.reading
                    {% endif -%},
                    '{{ fact }}',
                    null
                ),
            {% endfor %}
        ], lambda fact: fact is not null) as differs,
    from {{ ref('stg_runs') }} as quants
    left join {{ ref('stg_runs') }} as reference
        on quants.reference_run_id = reference.run_id
    where quants.role <> 'reference'
        -- other imports are paired by int_benchmark_pairs
        and (quants.reference_run_id is not null or quants.source_format is null)
)

select
    run_id,
    differs,
from pairs
where len(differs) > 0
