with benchmarks as (
    select
        cohort_id,
        quant_id,
        benchmark_id,
        coalesce(any_value(weights.weight), 1.0) as weight,
        list(score - score_ref order by prompt_id) as differences,
    from {{ ref('fct_prompts') }}
    left join {{ ref('benchmark_weights') }} as weights using (benchmark_id)
    group by all
),

answers as (
    select
        cohort_id,
        quant_id,
        compare_composite(list(differences order by benchmark_id), list(weight order by benchmark_id), {{ var('n_resamples') }}, {{ var('seed') }}, {{ var('margin') }}) as answer,
    from benchmarks
    inner join {{ ref('fct_composites') }} using (cohort_id, quant_id)  -- quants with every benchmark of the cohort
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
from answers
