-- a prompt asked again is an item of its own; its text is what another draw of prompts would change
with items as (
    select
        runs.run_id,
        samples.prompt_id,
        any_value(coalesce(prompts.text_id, samples.prompt_id)) as text_id,
        avg(samples.score) as score,
        count(*) as attempts,
    from {{ ref('stg_samples') }} as samples
    inner join {{ ref('int_current_runs') }} as runs using (run_id)
    left join {{ ref('stg_prompts') }} as prompts
        on coalesce(runs.reference_run_id, runs.run_id) = prompts.run_id
        and samples.prompt_id = prompts.prompt_id
    group by all
),

texts as (
    select
        run_id,
        text_id,
        sum(score) as total,
        count(*) as n,
        sum(attempts) as attempts,
    from items
    group by all
),

scores as (
    select
        run_id,
        avg(score) as score,
        count(*) as prompts,
    from items
    group by run_id
)

select
    runs.cohort_id,
    runs.quant_id,
    runs.role,
    runs.benchmark_id,
    scores.score,
    {{ ratio_error('texts.total', 'texts.n', 'scores.score', 'scores.prompts') }} as standard_error,
    scores.prompts,
    sum(texts.attempts)::bigint as attempts,
from {{ ref('int_current_runs') }} as runs
inner join scores using (run_id)
inner join texts using (run_id)
group by
    runs.cohort_id,
    runs.quant_id,
    runs.role,
    runs.benchmark_id,
    run_id,
    scores.score,
    scores.prompts
