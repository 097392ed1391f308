with compared as (
    select
        cohort_id,
        reference_floor(list(struct_pack(
            quant_id, benchmark_id, prompt_id, text_id, volume, volume_ref
        ))) as found,
    from {{ ref('fct_attempt_volumes') }}
    group by cohort_id
),

cells as (
    select
        cohort_id,
        unnest(found) as answer,
    from compared
)

select
    cohort_id,
    answer.quant_id,
    answer.benchmark_id,
    answer.prompts,
    answer.volume,
    answer.volume_floor,
    answer.excess,
    answer.excess_low,
    answer.excess_high,
    answer.reason,
from cells
