with answered as (
    {{ answers_of_cohorts() }}
),

tested as (
    select
        cohort_id,
        scoring,
        unnest(losses(answers, {{ settings('n_tosses', 'seed') }})) as answer,
    from answered
),

shown as (
    select
        cohort_id,
        scoring,
        answer.quant_id,
        answer.prompts,
        answer.difference,
        answer.z,
        answer.p,
        answer.p_adjusted,
        answer.resolvable,
        answer.verdict,
        answer.reason,
    from tested
)

select
    shown.cohort_id,
    shown.scoring,
    shown.quant_id,
    members.kld_mean,
    shown.prompts,
    shown.difference,
    shown.z,
    shown.p,
    shown.p_adjusted,
    shown.resolvable,
    shown.verdict,
    shown.reason,
from shown
left join {{ ref('fct_zone_members') }} as members
    on
    shown.cohort_id = members.cohort_id
    and shown.quant_id = members.quant_id
    and members.zone_rule = 'full'
