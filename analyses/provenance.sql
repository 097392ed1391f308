-- What was measured, with what, on what?
select
    cohort_id,
    quant_id,
    role,
    corpus_id,
    context_length,
    chunks,
    token_rows,
    nonfinite,
    file_type,
    bits_per_weight,
    made_from,
    block_levels,
    engine,
    engine_version,
    device,
    estimator,
    left(file_sha256, 12) as file_sha256,
    left(token_stream_sha256, 12) as token_stream_sha256,
    run_id,
from stg_runs
order by cohort_id asc, corpus_id asc, context_length asc, role desc, quant_id asc
