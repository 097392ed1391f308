with compared as (
    select
        cohort_id,
        quant_id,
        benchmark_id,
        count(volume_ref) as replicated,
        excess_volume(
            list(volume order by prompt_id),
            list(volume_ref order by prompt_id),
            list(text_id order by prompt_id)
        ) as answer,
    from {{ ref('fct_attempt_volumes') }}
    group by all
)

select
    cohort_id,
    quant_id,
    benchmark_id,
    answer.prompts,
    answer.volume,
    answer.floor as volume_floor,
    answer.excess,
    answer.low as excess_low,
    answer.high as excess_high,
    case
        when replicated = 0
        then 'the reference has one answer to each prompt: no floor is known'
        else answer.reason
    end as reason,
from compared
