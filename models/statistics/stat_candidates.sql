with answered as (
    {{ answers_of_cohorts(whole_suites=true) }}
),

quants as (
    select
        cohort_id,
        scoring,
        unnest(candidates(answers, {{ settings('n_tosses', 'seed', margin='margin') }})) as answer,
    from answered
)

select
    cohort_id,
    scoring,
    answer.quant_id,
    answer.difference,
    answer.margin,
    answer.p_not_inferior,
    answer.p_not_inferior_adjusted,
    answer.loss_bound,
    answer.prompts,
    answer.prompts_needed,
    answer.verdict,
from quants
