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
        equal_distance(
            distances.quants,
            answered.answers,
            {{ settings('n_tosses', 'seed', 'equal_distance') }}
        ) as found,
    from distances
    inner join answered using (cohort_id)
)

select
    cohort_id,
    found.pairs,
    found.quants,
    found.differ_raw,
    found.differ,
    found.largest_difference,
    found.statistic,
    found.p,
    found.resolvable,
    found.verdict,
from tested
