-- Who is compared in a cohort, and on what.
select
    reference_id,
    quants,
    primary_corpus,
    primary_context_length,
    benchmarks,
from dim_cohorts
where cohort_id = getvariable('cohort')
