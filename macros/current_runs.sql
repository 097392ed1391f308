{# Runs that count, as rows of stg_runs that meet a condition. The same file may have been run twice
   on one text (another top k, another estimator for the same prompts, a try that broke off): the
   whole run counts, then the larger, then the one with more of another tool's figures, then the one
   with likelihoods of choices, then the later one. A token-level number depends on its estimator,
   an answer does not. apart: what else keeps two runs apart. #}
{% macro current_runs(where, apart='null') -%}
    (
        select *,
        from {{ ref('stg_runs') }}
        where {{ where }}
        qualify
            row_number() over (
                partition by
                    cohort_id,
                    quant_id,
                    role,
                    task,
                    corpus_id,
                    context_length,
                    {{ apart }},
                    case when task not in ('benchmark', 'answers') then estimator end
                order by
                    status is not distinct from 'partial' asc,
                    chunks desc nulls last,
                    (parts::json ->> '$.summaries.rows')::bigint desc nulls last,
                    (parts::json -> '$.choices') is null asc,
                    started_at desc,
                    run_id asc
            ) = 1
    )
{%- endmacro %}
