with suites as (
    select
        cohort_id,
        scoring,
        count(distinct benchmark_id) as benchmarks,
    from {{ ref('fct_disagreements') }}
    group by all
),

benchmarks as (
    select
        disagreements.cohort_id,
        disagreements.quant_id,
        disagreements.scoring,
        disagreements.benchmark_id,
        disagreements.prompts,
        disagreements.design_effect,
        disagreements.score_ref,
        (disagreements.leapfrogs - disagreements.drops) / disagreements.prompts as gain,
        disagreements.volume,
        disagreements.squared_gain,
        weights.weight,
        suites.benchmarks as benchmarks_of_cohort,
    from {{ ref('fct_disagreements') }} as disagreements
    inner join suites using (cohort_id, scoring)
    inner join {{ ref('int_benchmark_weights') }} as weights using (benchmark_id)
),

-- the same, each with its share of its quant's composite
shares as (
    select
        *,
        weight / sum(weight) over (partition by cohort_id, quant_id, scoring) as weight_share,
    from benchmarks
),

-- added in one order, on which the last bit of a sum depends
sums as (
    select
        cohort_id,
        quant_id,
        scoring,
        count(*) as benchmarks,
        sum(prompts)::bigint as prompts,
        sum(weight_share * score_ref order by benchmark_id) as composite_ref,
        sum(weight_share * gain order by benchmark_id) as gain,
        sum(weight_share * volume order by benchmark_id) as volume,
        sqrt(sum(
            weight_share ** 2 * (squared_gain - gain ** 2) / (prompts / design_effect)
            order by benchmark_id
        )) as standard_error,
    from shares
    group by all
    having count(*) = any_value(benchmarks_of_cohort)
)

select
    cohort_id,
    quant_id,
    scoring,
    benchmarks,
    prompts,
    composite_ref,
    composite_ref + gain as composite,
    gain,
    volume,
    gain / nullif(volume, 0) as direction,
    standard_error,
from sums
