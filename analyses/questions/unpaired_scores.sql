-- The scores of a cohort whose prompts cannot be paired.
select
    quant_id,
    benchmark_id,
    scoring,
    score,
    standard_error,
    prompts,
from fct_scores
where cohort_id = getvariable('cohort')
order by benchmark_id, scoring, quant_id
