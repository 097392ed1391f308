with cohorts as (
    select
        cohort_id,
        prompt_failure_overall(
            {{ asked_prompts() }},
            {{ settings('kld_clip', 'pass_mark', 'fewest_quants', 'n_tosses', 'seed') }}
        ) as found,
    from {{ ref('fct_prompts') }}
    where kld_mean is not null and scoring = 'answered'
    group by cohort_id
),

answers as (
    select
        cohort_id,
        unnest(found) as answer,
    from cohorts
)

select
    cohort_id,
    answer.split,
    answer.kind,
    answer.quants,
    answer.prompts,
    answer.figure,
    answer.low,
    answer.high,
    answer.p,
    answer.p_adjusted,
    answer.detectable,
    answer.verdict,
    answer.reason,
from answers
