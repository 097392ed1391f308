with compared as (
    select
        cohort_id,
        quant_id,
        benchmark_id,
        prompts,
        leapfrogs::bigint as leapfrogs,
        drops::bigint as drops,
        volume,
        compare_paired(
            leapfrogs / design_effect, drops / design_effect, prompts / design_effect,
            {{ var('margin') }}
        ) as answer,
    from {{ ref('fct_disagreements') }}
    where mcnemar_p is not null  -- scores of 0 and 1
)

select
    cohort_id,
    quant_id,
    benchmark_id,
    prompts,
    leapfrogs,
    drops,
    answer.difference,
    answer.low as difference_low,
    answer.high as difference_high,
    answer.p_mcnemar,
    answer.improvement_share,
    answer.share_low,
    answer.share_high,
    answer.margin,
    answer.p_equivalent,
    answer.p_not_inferior,
    answer.e_value,
    answer.anytime_low,
    answer.anytime_high,
    answer.minimum_difference,
    prompts_needed(volume, answer.margin) as prompts_for_margin,
    answer.verdict,
    answer.reason,
from compared
