with members as (
    select
        cohort_id,
        quant_id,
        kld_mean,
    from {{ ref('fct_zone_members') }}
    where zone_rule = 'full'
),

{% set order = 'order by prompts.benchmark_id, prompts.text_id, prompts.prompt_id' -%}
-- one row per quant that answered every prompt of its cohort
answered as (
    select
        prompts.cohort_id,
        prompts.quant_id,
        members.kld_mean,
        list(prompts.score {{ order }}) as scores,
        list(prompts.score_ref {{ order }}) as scores_ref,
        list(prompts.benchmark_id {{ order }}) as benchmarks,
        list(prompts.text_id {{ order }}) as texts,
        list(coalesce(weights.weight, 1.0) {{ order }}) as weights,
    from {{ ref('fct_prompts') }} as prompts
    inner join members using (cohort_id, quant_id)
    left join {{ ref('benchmark_weights') }} as weights using (benchmark_id)
    group by prompts.cohort_id, prompts.quant_id, members.kld_mean
    qualify count(*) = max(count(*)) over (partition by prompts.cohort_id)
)

select
    cohort_id,
    list(quant_id order by quant_id) as quants,
    list(kld_mean order by quant_id) as measured,
    list(scores order by quant_id) as scores,
    any_value(scores_ref) as scores_ref,
    any_value(benchmarks) as benchmarks,
    any_value(texts) as texts,
    any_value(weights) as weights,
from answered
group by cohort_id
