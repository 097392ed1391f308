select
    run_id,
    chunk,
    position,
    nll,
    kld,
    kld_reverse,
    jsd,
    tv,
    entropy,
    top1,
    rank,
    lse,
    topk_logprobs,
    finite as is_finite,
from {{ source('raw', 'tokens') }}
where run_id in (select run_id from {{ source('raw', 'runs') }})
