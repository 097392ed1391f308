with answered as (
    {{ answers_of_cohorts() }}
),

compared as (
    select
        cohort_id,
        scoring,
        score_pairs(answers, {{ settings('n_tosses', 'seed', margin='margin') }}) as found,
    from answered
),

pairs as (
    select
        compared.cohort_id,
        compared.scoring,
        cohorts.reference_id,
        unnest(compared.found) as answer,
    from compared
    inner join {{ ref('dim_cohorts') }} as cohorts
        on compared.cohort_id = cohorts.cohort_id
)

select
    cohort_id,
    scoring,
    answer.quant_id,
    coalesce(answer.other_quant_id, reference_id) as other_quant_id,
    answer.other_quant_id is null as other_is_reference,
    answer.prompts,
    answer.volume,
    answer.difference,
    answer.low,
    answer.high,
    answer.p,
    answer.p_adjusted,
    answer.p_equivalent,
    answer.p_equivalent_adjusted,
    answer.margin,
    answer.resolvable,
    answer.resolvable_alone,
    answer.prompts_needed,
    answer.prompts_needed_alone,
    answer.verdict,
    answer.verdict_alone,
from pairs
