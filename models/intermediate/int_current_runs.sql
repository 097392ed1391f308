{{ config(materialized='view') }}

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
    capture_kld,
from {{ current_runs('not ' ~ is_second_reading('role')) }} as runs
