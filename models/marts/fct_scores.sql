-- a prompt asked again is an item of its own; its text is what another draw of prompts would change
with items as (
    select
        run_id,
        scores.scoring,
        coalesce(prompts.text_id, scores.prompt_id) as text_id,
        scores.score,
        scores.attempts,
    from {{ ref('int_prompt_scores') }} as scores
    inner join {{ ref('int_current_runs') }} as runs using (run_id)
    left join {{ ref('stg_prompts') }} as prompts
        on coalesce(runs.reference_run_id, runs.run_id) = prompts.run_id
        and scores.prompt_id = prompts.prompt_id
),

texts as (
    select
        run_id,
        scoring,
        text_id,
        sum(score order by score) as total,
        count(*) as n,
        sum(attempts) as attempts,
    from items
    group by all
),

scores as (
    select
        run_id,
        scoring,
        avg(score order by score) as score,
        count(*) as prompts,
    from items
    group by all
)

select
    runs.cohort_id,
    runs.quant_id,
    runs.role,
    runs.benchmark_id,
    scoring,
    scores.score,
    {{ ratio_error('texts.total', 'texts.n', 'scores.score', 'scores.prompts') }} as standard_error,
    scores.prompts,
    sum(texts.attempts)::bigint as attempts,
from {{ ref('int_current_runs') }} as runs
inner join scores using (run_id)
inner join texts using (run_id, scoring)
group by
    runs.cohort_id,
    runs.quant_id,
    runs.role,
    runs.benchmark_id,
    run_id,
    scoring,
    scores.score,
    scores.prompts
