-- Every score lies between 0 and 1: margins, verdicts and what counts as passed rest on it.
select
    runs.cohort_id,
    runs.quant_id,
    samples.benchmark_id,
    samples.prompt_id,
    samples.score,
from {{ ref('stg_samples') }} as samples
inner join {{ ref('stg_runs') }} as runs using (run_id)
where not coalesce(samples.score between 0 and 1, false)
