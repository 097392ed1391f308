with answers as (
    select cohort_id, within_prompt(klds, failed, {{ var('n_resamples') }}, {{ var('seed') }}) as answer,
    from {{ ref('stat_prompt_blocks') }}
)

select
    cohort_id,
    answer.prompts,
    answer.ratio,
    answer.low,
    answer.high,
    answer.p,
    answer.reason,
from answers
