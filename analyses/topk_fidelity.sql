-- How far is each quant from the reference where a server gives top-k log-probs only?
-- kld_topk_mean moves with k and floor; the true mean KLD lies between kld_lower_mean and
-- kld_upper_mean (null: unbounded).
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
from fct_topk_fidelity
order by cohort_id, corpus_id, kld_lower_mean
