-- counts of right and wrong answers
with counted as (
    select
        cohort_id,
        unnest(disagreement_intervals(
            list(struct_pack(
                quant_id,
                benchmark_id,
                prompts := prompts::double,
                leapfrogs := leapfrogs::double,
                drops := drops::double,
                design_effect
            ))
        )) as answer,
    from {{ ref('fct_disagreements') }}
    where mcnemar_p is not null  -- scores of 0 and 1
    group by cohort_id
),

answered as (
    {{ answers_of_cohorts() }}
),

measured as (
    select
        cohort_id,
        scoring,
        unnest(fraction_differences(answers, {{ settings(margin='margin') }})) as answer,
    from answered
    where scoring <> 'answered'
)

select
    cohort_id,
    'answered' as scoring,
    answer.quant_id,
    answer.benchmark_id,
    answer.kind,
    answer.figure,
    answer.low,
    answer.high,
    answer.reason,
from counted
union all by name
select
    cohort_id,
    scoring,
    answer.quant_id,
    answer.benchmark_id,
    'improvement_share' as kind,
    answer.improvement_share as figure,
    answer.share_low as low,
    answer.share_high as high,
    if(answer.improvement_share is null, answer.reason, null) as reason,
from measured
union all by name
select
    cohort_id,
    scoring,
    answer.quant_id,
    answer.benchmark_id,
    'difference_at_any_time' as kind,
    answer.difference as figure,
    answer.anytime_low as low,
    answer.anytime_high as high,
    null as reason,
from measured
