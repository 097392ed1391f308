with weighted as (
    select
        disagreements.*,
        coalesce(weights.weight, 1.0) / sum(coalesce(weights.weight, 1.0)) over (partition by cohort_id, quant_id) as weight,
        (leapfrogs - drops) / prompts as gain,
    from {{ ref('fct_disagreements') }} as disagreements
    left join {{ ref('benchmark_weights') }} as weights using (benchmark_id)
),

sums as (
    select
        cohort_id,
        quant_id,
        count(*) as benchmarks,
        sum(prompts)::bigint as prompts,
        sum(weight * score_ref) as composite_ref,
        sum(weight * gain) as gain,
        sum(weight * volume) as volume,
        sqrt(sum(weight ** 2 * (volume - gain ** 2) / prompts)) as standard_error,
    from weighted
    group by all
)

select
    cohort_id,
    quant_id,
    benchmarks,
    prompts,
    composite_ref,
    composite_ref + gain as composite,
    gain,
    volume,
    gain / nullif(volume, 0) as direction,
    standard_error,
from sums
