-- A run and its reference's run agree on everything that decides what the numbers mean; `differs`
-- names what does not. What a reading is for may differ: batches where it is another one, and the
-- engine too where it is the second one.
{% set engine_facts = ['engine', 'engine_version', 'device', 'logits_dtype'] -%}
{% set batch_facts = ['batch_size', 'ubatch_size'] -%}
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
    'metrics_version',
] + engine_facts + batch_facts -%}
with pairs as (
    select
        quants.run_id,
        list_filter([
            if(reference.role is distinct from 'reference', 'role', null),
            {% for fact in facts -%}
                if(
                    quants.{{ fact }} is distinct from reference.{{ fact }}
                    {% if fact in engine_facts -%}
                        and not {{ is_second_reading('quants.role') }}
                    {% elif fact in batch_facts -%}
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
