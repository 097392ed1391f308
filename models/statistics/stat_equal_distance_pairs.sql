-- one row per cohort with composites: how far each quant is, on the first text
with distances as (
    select
        cohort_id,
        list(struct_pack(quant_id, kld := kld_mean)) as quants,
    from {{ ref('fct_zone_members') }}
    where zone_rule = 'full'
    group by cohort_id
),

-- one row per cohort: the answers of quants with every benchmark
answered as (
    select
        prompts.cohort_id,
        list(struct_pack(
            prompts.quant_id,
            prompts.benchmark_id,
            prompts.prompt_id,
            prompts.text_id,
            prompts.weight,
            prompts.score,
            prompts.score_ref
        )) as answers,
    from {{ ref('fct_prompts') }} as prompts
    semi join {{ ref('fct_composites') }} using (cohort_id, quant_id)
    group by prompts.cohort_id
),

tested as (
    select
        cohort_id,
        equal_distance_pairs(
            distances.quants,
            answered.answers,
            {{ settings('n_tosses', 'seed', 'equal_distance') }}
        ) as found,
    from distances
    inner join answered using (cohort_id)
),

pairs as (
    select
        cohort_id,
        unnest(found) as answer,
    from tested
)

select
    cohort_id,
    answer.quant_id,
    answer.other_quant_id,
    answer.kld,
    answer.other_kld,
    answer.difference,
    answer.low,
    answer.high,
    answer.p,
    answer.p_adjusted,
    answer.verdict,
from pairs
