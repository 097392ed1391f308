with complete as (
    select cohort_id, quant_id,
    from {{ ref('fct_prompts') }}
    group by cohort_id, quant_id
    qualify count(*) = max(count(*)) over (partition by cohort_id)
),

gains as (
    select
        prompts.cohort_id,
        prompts.quant_id,
        any_value(members.kld_mean) as kld_mean,
        list(prompts.score - prompts.score_ref order by prompts.benchmark_id, prompts.prompt_id) as gains,
        list(prompts.benchmark_id order by prompts.benchmark_id, prompts.prompt_id) as benchmarks,
        list(coalesce(weights.weight, 1.0) order by prompts.benchmark_id, prompts.prompt_id) as weights,
    from {{ ref('fct_prompts') }} as prompts
    inner join complete using (cohort_id, quant_id)
    inner join {{ ref('fct_zone_members') }} as members on prompts.cohort_id = members.cohort_id and prompts.quant_id = members.quant_id and members.zone_rule = 'full'
    left join {{ ref('benchmark_weights') }} as weights using (benchmark_id)
    group by all
),

blocks as (
    select cohort_id, list(kld_mean order by quant_id) as measured, list(gains order by quant_id) as gains, any_value(benchmarks) as benchmarks, any_value(weights) as weights,
    from gains
    group by cohort_id
),

answers as (
    select blocks.cohort_id, rules.zone_rule, rules.threshold, cross_fit(rules.zone_rule, rules.threshold, measured, gains, benchmarks, weights, {{ var('seed') }}) as answer,
    from blocks
    cross join {{ ref('zone_rules') }} as rules
)

select
    cohort_id,
    zone_rule,
    threshold,
    answer.splits,
    answer.members,
    answer.rho,
    answer.rho_same_half,
    answer.reason,
from answers
