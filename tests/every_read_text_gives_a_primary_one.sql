-- A cohort with any run on a text has a primary text, on which its study rests.
select
    runs.cohort_id,
    count(*) as runs,
from {{ ref('stg_runs') }} as runs
left join {{ ref('dim_cohorts') }} as cohorts using (cohort_id)
where runs.task in ('corpus', 'summary')
    and (cohorts.primary_corpus is null or cohorts.primary_context_length is null)
group by runs.cohort_id
