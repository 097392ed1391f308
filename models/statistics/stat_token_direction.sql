-- one row per quant, text, chunk and kind of figure
with chunks as (
    select
        cohort_id,
        corpus_id,
        context_length,
        estimator,
        quant_id,
        chunk,
        unnest(['loss', 'token_direction', 'improvement_share']) as kind,
        unnest([delta_loss_sum, token_direction_sum, benefits]) as total,
        unnest([delta_loss_n, token_direction_n, benefits + harms]) as n,
    from {{ ref('fct_chunks') }}
),

found as (
    select
        cohort_id,
        token_directions(
            list(struct_pack(
                corpus_id, context_length, estimator, kind, quant_id, chunk, total, n
            )),
            {{ settings('neighbour_correlation') }}
        ) as answers,
    from chunks
    group by cohort_id
),

directions as (
    select
        cohort_id,
        unnest(answers) as answer,
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
