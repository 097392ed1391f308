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
        scoring,
        unnest(found) as answer,
    from tested
)

select
    cohort_id,
    scoring,
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
