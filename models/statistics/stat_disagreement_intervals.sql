with known as (
    select
        cohort_id,
        disagreement_intervals(
            list(struct_pack(
                quant_id,
                benchmark_id,
                prompts := prompts::double,
                leapfrogs := leapfrogs::double,
                drops := drops::double,
                design_effect
            ))
        ) as found,
    from {{ ref('fct_disagreements') }}
    where mcnemar_p is not null  -- scores of 0 and 1
    group by cohort_id
),

intervals as (
    select
        cohort_id,
        unnest(found) as answer,
    from known
)

select
    cohort_id,
    answer.quant_id,
    answer.benchmark_id,
    answer.kind,
    answer.figure,
    answer.low,
    answer.high,
    answer.reason,
from intervals
