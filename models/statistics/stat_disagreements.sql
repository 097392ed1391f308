with compared as (
    select
        cohort_id,
        benchmark_differences(
            list(struct_pack(
                quant_id,
                benchmark_id,
                prompts := prompts::double,
                leapfrogs := leapfrogs::double,
                drops := drops::double,
                design_effect
            )),
            {{ settings('margin') }}
        ) as found,
    from {{ ref('fct_disagreements') }}
    where mcnemar_p is not null  -- scores of 0 and 1
    group by cohort_id
),

cells as (
    select
        cohort_id,
        unnest(found) as answer,
    from compared
)

select
    cohort_id,
    'answered' as scoring,  -- counts of right and wrong
    answer.quant_id,
    answer.benchmark_id,
    answer.prompts,
    answer.leapfrogs,
    answer.drops,
    answer.difference,
    answer.low,
    answer.high,
    answer.p_mcnemar,
    answer.p_adjusted,
    answer.improvement_share,
    answer.margin,
    answer.p_equivalent,
    answer.p_equivalent_adjusted,
    answer.p_not_inferior,
    answer.e_value,
    answer.minimum_difference,
    answer.prompts_for_margin,
    answer.verdict,
    answer.reason,
from cells
