with totals as (
    select
        cohort_id,
        quant_id,
        benchmark_id,
        count(*) as prompts,
        avg(score_ref) as score_ref,
        avg(score) as score,
        sum(leapfrog) as leapfrogs,
        sum(dropped) as drops,
        count(*) filter (where other_wrong_answer) as other_wrong_answers,
        bool_and(leapfrog in (0, 1) and dropped in (0, 1)) as is_binary,
    from {{ ref('int_prompt_outcomes') }}
    group by all
)

select
    cohort_id,
    quant_id,
    benchmark_id,
    prompts,
    score_ref,
    score,
    leapfrogs,
    drops,
    (leapfrogs + drops) / prompts as volume,
    (leapfrogs - drops) / nullif(leapfrogs + drops, 0) as direction,
    leapfrogs / nullif(leapfrogs + drops, 0) as improvement_share,
    other_wrong_answers,
    case when is_binary then {{ mcnemar_p('leapfrogs', 'drops') }} end as mcnemar_p,
from totals
