with answered as (
    {{ answers_of_cohorts(whole_suites=true) }}
),

quants as (
    select
        cohort_id,
        scoring,
        unnest(composite_differences(
            answers, {{ settings('n_resamples', 'n_tosses', 'seed', margin='margin') }}
        )) as answer,
    from answered
)

select
    cohort_id,
    scoring,
    answer.quant_id,
    answer.difference,
    answer.standard_error,
    answer.difference_low,
    answer.difference_high,
    answer.p_different,
    answer.p_adjusted,
    answer.p_equivalent,
    answer.p_equivalent_adjusted,
    answer.p_not_inferior,
    answer.margin,
    answer.volume,
    answer.direction,
    answer.verdict,
    answer.reason,
from quants
