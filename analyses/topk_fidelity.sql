select
    cohort_id,
    quant_id,
    corpus_id,
    k,
    floor,
    kld_topk_mean,
    kld_lower_mean,
    kld_upper_mean,
    floored,
    n,
from {{ ref('fct_topk_fidelity') }}
order by cohort_id, corpus_id, kld_lower_mean
