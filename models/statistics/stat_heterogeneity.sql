with tested as (
    select
        cohort_id,
        heterogeneity(
            list(struct_pack(
                quant_id,
                benchmark_id,
                leapfrogs := round(leapfrogs / design_effect)::bigint,
                drops := round(drops / design_effect)::bigint
            )),
            {{ settings('n_permutations', 'seed') }}
        ) as found,
    from {{ ref('fct_disagreements') }}
    where mcnemar_p is not null  -- scores of 0 and 1
    group by cohort_id
),

quants as (
    select
        cohort_id,
        unnest(found) as answer,
    from tested
)

select
    cohort_id,
    answer.quant_id,
    answer.benchmarks,
    answer.statistic,
    answer.p,
    answer.p_adjusted,
    answer.reason,
from quants
