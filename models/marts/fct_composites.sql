with suites as (
    select cohort_id, count(distinct benchmark_id) as benchmarks,
    from {{ ref('fct_disagreements') }}
    group by cohort_id
),

weighted as (
    select
        disagreements.*,
        coalesce(weights.weight, 1.0) / sum(coalesce(weights.weight, 1.0)) over (partition by cohort_id, quant_id) as weight,
        (leapfrogs - drops) / prompts as gain,
        suites.benchmarks as benchmarks_of_cohort,
    from {{ ref('fct_disagreements') }} as disagreements
    inner join suites using (cohort_id)
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
    having count(*) = any_value(benchmarks_of_cohort)
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
