-- Every score lies between 0 and 1: margins, verdicts and what counts as passed rest on it. Of
-- attempts each does, and not only their mean.
with scores as (
    select
        run_id,
        benchmark_id,
        prompt_id,
        'answered' as scoring,
        score,
    from {{ ref('stg_samples') }}
    union all by name
    select
        run_id,
        benchmark_id,
        prompt_id,
        scoring,
        score,
    from {{ ref('int_prompt_scores') }}
    where scoring <> 'answered'
)

select
    runs.cohort_id,
    runs.quant_id,
    scores.benchmark_id,
    scores.prompt_id,
    scores.scoring,
    scores.score,
from scores
inner join {{ ref('stg_runs') }} as runs using (run_id)
where not coalesce(scores.score between 0 and 1, false)
