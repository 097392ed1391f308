with cohorts as (
    select
        cohort_id,
        prompt_failure(
            {{ asked_prompts() }},
            {{ settings('kld_clip', 'pass_mark') }}
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
    answer.quant_id,
    answer.split,
    answer.kind,
    answer.n_event,
    answer.n_other,
    answer.clipped,
    answer.figure,
    answer.low,
    answer.high,
    answer.p,
    answer.p_adjusted,
    answer.detectable,
    answer.verdict,
    answer.reason,
from answers
