{%- set kinds = {
    'loss': ('delta_loss_sum', 'delta_loss_n'),
    'token_direction': ('token_direction_sum', 'token_direction_n'),
    'improvement_share': ('benefits', 'benefits + harms'),
} -%}
with found as (
    {{ chunks_of_cohorts(kinds) }}
),

directions as (
    select
        cohort_id,
        unnest(token_directions(chunks, {{ settings('neighbour_correlation') }})) as answer,
    from found
)

select
    cohort_id,
    answer.corpus_id,
    answer.context_length,
    answer.estimator,
    answer.kind,
    answer.quant_id,
    answer.chunks,
    answer.n,
    answer.figure,
    answer.standard_error,
    answer.low,
    answer.high,
    answer.p,
    answer.p_adjusted,
    answer.verdict,
    answer.reason,
from directions
