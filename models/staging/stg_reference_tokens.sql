select
    run_id,
    chunk,
    position,
    token_id,
    nll_ref,
    entropy_ref,
    top1_ref,
    nullif(rank_ref, -1) as rank_ref,
    margin_ref,
    lse_ref,
    topk_ids,
    topk_logprobs_ref,
    finite_ref as is_finite_ref,
    clipped_mass_ref,
    nll_ref_at_least,
from {{ source('raw', 'reference_tokens') }}
where run_id in (select runs.run_id, from {{ source('raw', 'runs') }} as runs)
