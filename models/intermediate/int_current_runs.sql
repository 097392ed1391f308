{{ config(materialized='view') }}

-- The same file may have been run twice on one text (another top k, another estimator for the
-- same prompts, a try that broke off): the whole run counts, then the larger, then the one with
-- more of another tool's figures, then the one with likelihoods of choices, then the later one. A
-- token-level number depends on its estimator, an answer does not.
select
    run_id,
    task,
    role,
    cohort_id,
    quant_id,
    reference_run_id,
    corpus_id,
    context_length,
    benchmark_id,
    harness,
    estimator,
    status,
from {{ ref('stg_runs') }}
qualify
    row_number() over (
        partition by
            cohort_id,
            quant_id,
            role,
            task,
            corpus_id,
            context_length,
            case when task not in ('benchmark', 'answers') then estimator end
        order by
            status is not distinct from 'partial' asc,
            chunks desc nulls last,
            (parts::json ->> '$.summaries.rows')::bigint desc nulls last,
            (parts::json -> '$.choices') is null asc,
            started_at desc,
            run_id asc
    ) = 1
