-- Did the quant's movement help or hurt on real text, beyond having moved?
-- delta_loss = kld_mean + direction; improvement_share: of the changed first choices that matter,
-- how many went to the realised token.
select
    cohort_id,
    corpus_id,
    context_length,
    quant_id,
    delta_loss,
    delta_loss_error,
    kld_mean,
    direction,
    direction_error,
    verdict,
    token_volume,
    improvement_share,
    share_low,
    share_high,
from stat_token_direction
order by cohort_id, corpus_id, context_length, kld_mean
