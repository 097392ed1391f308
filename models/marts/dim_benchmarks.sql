with scorings as (
    select
        benchmark_id,
        list(distinct scoring order by scoring) as scorings,
    from {{ ref('int_prompt_scores') }}
    group by benchmark_id
)

select
    runs.benchmark_id,
    runs.corpus_sha256,
    runs.harness,
    count(distinct prompts.prompt_id) as prompts,
    list(distinct prompts.category order by prompts.category) as categories,
    any_value(scorings.scorings) as scorings,
from {{ ref('stg_runs') }} as runs
inner join {{ ref('stg_prompts') }} as prompts on runs.run_id = prompts.run_id
left join scorings on runs.benchmark_id = scorings.benchmark_id
where not {{ is_second_reading('runs.role') }}
group by all
