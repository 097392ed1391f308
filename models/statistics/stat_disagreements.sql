{%- set judged -%}
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
{%- endset %}
-- counts of right and wrong answers
with counted as (
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

answered as (
    {{ answers_of_cohorts() }}
),

measured as (
    select
        cohort_id,
        scoring,
        fraction_differences(answers, {{ settings(margin='margin') }}) as found,
    from answered
    where scoring <> 'answered'
),

counts as (
    select
        cohort_id,
        unnest(found) as answer,
    from counted
),

fractions as (
    select
        cohort_id,
        scoring,
        unnest(found) as answer,
    from measured
)

select
    cohort_id,
    'answered' as scoring,
    answer.quant_id,
    answer.benchmark_id,
    answer.prompts,
    answer.leapfrogs::double as leapfrogs,
    answer.drops::double as drops,
    answer.difference,
    answer.low,
    answer.high,
    answer.p,
    {{ judged }}
from counts
union all by name
select
    cohort_id,
    scoring,
    answer.quant_id,
    answer.benchmark_id,
    answer.prompts,
    answer.leapfrogs,
    answer.drops,
    answer.difference,
    answer.low,
    answer.high,
    answer.p,
    {{ judged }}
from fractions
