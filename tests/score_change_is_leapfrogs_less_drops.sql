-- score x prompts - score_ref x prompts = leapfrogs - drops: exactly where scores are 0 or 1, for
-- then all of them are whole numbers; up to rounding where they are fractions.
with sums as (
    select
        cohort_id,
        quant_id,
        benchmark_id,
        scoring,
        sum(score) as passed,
        sum(score_ref) as passed_ref,
        sum(leapfrog) as leapfrogs,
        sum(dropped) as drops,
        if(
            bool_and(score in (0, 1) and score_ref in (0, 1)),
            0,
            1e-15 * count(*) ** 2 * max(greatest(1, abs(score), abs(score_ref)))
        ) as rounding,
    from {{ ref('int_prompt_outcomes') }}
    group by all
)

select
    cohort_id,
    quant_id,
    benchmark_id,
    scoring,
    passed,
    passed_ref,
    leapfrogs,
    drops,
from sums
where abs((passed - passed_ref) - (leapfrogs - drops)) > rounding
