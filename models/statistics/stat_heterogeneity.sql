with tested as (
    select
        cohort_id,
        quant_id,
        heterogeneity(
            list(round(leapfrogs / design_effect)::bigint order by benchmark_id),
            list(round(drops / design_effect)::bigint order by benchmark_id),
            {{ var('n_permutations') }}, {{ var('seed') }}
        ) as answer,
    from {{ ref('fct_disagreements') }}
    where mcnemar_p is not null  -- scores of 0 and 1
    group by all
)

select
    cohort_id,
    quant_id,
    answer.benchmarks,
    answer.statistic,
    answer.p,
    answer.reason,
from tested
