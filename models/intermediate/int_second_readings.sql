{{ config(materialized='view') }}

select
    run_id,
    task,
    role,
    cohort_id,
    quant_id,
    coalesce(first_run_id, reference_run_id) as first_run_id,
    reference_run_id,
    reading,
    corpus_id,
    context_length,
    benchmark_id,
    estimator,
    status,
from {{ current_runs(is_second_reading('role'), apart='reading') }} as runs
