select
    runs.benchmark_id,
    runs.corpus_sha256,
    runs.harness,
    count(distinct prompts.prompt_id) as prompts,
    list(distinct prompts.category order by prompts.category) as categories,
from {{ ref('stg_runs') }} as runs
inner join {{ ref('stg_prompts') }} as prompts on runs.run_id = prompts.run_id
group by all
