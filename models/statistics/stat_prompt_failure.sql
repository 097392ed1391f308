-- one row per cohort x quant
with foretold as (
    select
        cohort_id,
        quants,
        unnest(failure_prediction(
            klds, failed, [kinds, texts], prompt_tokens, entropies,
            {{ var('n_lifts') }}, {{ var('seed') }}, {{ var('kld_clip') }}
        )) as answer,
    from {{ ref('stat_prompt_blocks') }}
)

select
    cohort_id,
    quants[answer.quant + 1] as quant_id,
    answer.n_failed,
    answer.n_passed,
    answer.clipped,
    answer.pooled_ratio,
    answer.pooled_low,
    answer.pooled_high,
    answer.pooled_p,
    answer.within_ratio,
    answer.within_low,
    answer.within_high,
    answer.within_p,
    answer.matched_ratio,
    answer.matched_low,
    answer.matched_high,
    answer.matched_p,
    answer.auroc,
    answer.auroc_low,
    answer.auroc_high,
    answer.auroc_within,
    answer.auroc_within_low,
    answer.auroc_within_high,
    answer.lift,
    answer.lift_low,
    answer.lift_high,
    answer.lift_within,
    answer.lift_within_low,
    answer.lift_within_high,
    answer.reason,
from foretold
