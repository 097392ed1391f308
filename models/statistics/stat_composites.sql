-- one row per cohort x quant x benchmark: its prompts' gains in a list
with benchmarks as (
    select
        prompts.cohort_id,
        prompts.quant_id,
        prompts.benchmark_id,
        coalesce(any_value(weights.weight), 1.0) as weight,
        list(prompts.score - prompts.score_ref order by prompts.prompt_id) as differences,
        list(prompts.text_id order by prompts.prompt_id) as texts,
    from {{ ref('fct_prompts') }} as prompts
    left join {{ ref('benchmark_weights') }} as weights using (benchmark_id)
    group by all
),

compared as (
    select
        benchmarks.cohort_id,
        benchmarks.quant_id,
        compare_composite(
            list(benchmarks.differences order by benchmarks.benchmark_id),
            list(benchmarks.weight order by benchmarks.benchmark_id),
            {{ var('n_resamples') }}, {{ var('seed') }}, {{ var('margin') }},
            list(benchmarks.texts order by benchmarks.benchmark_id)
        ) as answer,
    from benchmarks
    -- quants with every benchmark of the cohort
    semi join {{ ref('fct_composites') }} using (cohort_id, quant_id)
    group by all
)

select
    cohort_id,
    quant_id,
    answer.difference,
    answer.standard_error,
    answer.low as difference_low,
    answer.high as difference_high,
    answer.p_different,
    answer.p_equivalent,
    answer.p_not_inferior,
    answer.margin,
    answer.volume,
    answer.direction,
    answer.verdict,
    answer.reason,
from compared
