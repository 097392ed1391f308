with prompts as (
    select
        run_id,
        prompt_id,
        avg(score) as score,
        count(*) as attempts,
    from {{ ref('stg_samples') }}
    group by all
)

select
    runs.cohort_id,
    runs.quant_id,
    runs.role,
    runs.benchmark_id,
    avg(prompts.score) as score,
    stddev_samp(prompts.score) / sqrt(count(*)) as standard_error,
    count(*) as prompts,
    sum(prompts.attempts)::bigint as attempts,
from {{ ref('int_current_runs') }} as runs
inner join prompts using (run_id)
group by all
