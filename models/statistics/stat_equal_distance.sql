-- one row per cohort with composites: how far each quant is, on the first text
with distances as (
    {{ klds_of_cohorts() }}
),

-- one row per cohort x scoring: the answers of quants with every benchmark
answered as (
    {{ answers_of_cohorts(whole_suites=true) }}
),

tested as (
    select
        cohort_id,
        answered.scoring,
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
    scoring,
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
