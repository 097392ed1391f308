{%- set kinds = {
    'kld': ('kld_sum', 'kld_n'),
    'loss': ('nll_sum', 'nll_n'),
    'flips': ('top1_agree_n - top1_agree_sum', 'top1_agree_n'),
} -%}
with found as (
    {{ chunks_of_cohorts(kinds) }}
),

answered as (
    select
        cohort_id,
        unnest(text_pairs(chunks, {{ settings('neighbour_correlation') }})) as answer,
    from found
),

pairs as (
    select
        cohort_id,
        answer.corpus_id,
        answer.context_length,
        answer.estimator,
        answer.kind,
        answer.quant_id,
        answer.other_quant_id,
        answer.figure,
        answer.standard_error,
        answer.low,
        answer.high,
        answer.p,
        answer.p_adjusted,
        answer.e_value,
        answer.chunks,
        answer.chunks_needed,
        answer.verdict,
        answer.reason,
    from answered
    union all by name
    -- figures that another tool printed: nothing of theirs can be paired
    select
        cohort_id,
        corpus_id,
        context_length,
        estimator,
        kind,
        one.quant_id,
        other.quant_id as other_quant_id,
        other.figure - one.figure as figure,
        0 as chunks,
        'not_paired' as verdict,
        one.reason,
    from {{ ref('fct_text_figures') }} as one
    inner join {{ ref('fct_text_figures') }} as other
        using (cohort_id, corpus_id, context_length, estimator, kind)
    where one.quant_id < other.quant_id
        and one.chunks is null
        and other.chunks is null
),

texts as (
    select distinct
        cohort_id,
        corpus_id,
        context_length,
        estimator,
        is_primary,
    from {{ ref('fct_text_figures') }}
)

select
    pairs.cohort_id,
    pairs.corpus_id,
    pairs.context_length,
    pairs.estimator,
    pairs.kind,
    pairs.quant_id,
    pairs.other_quant_id,
    texts.is_primary,
    pairs.figure,
    pairs.standard_error,
    pairs.low,
    pairs.high,
    pairs.p,
    pairs.p_adjusted,
    pairs.e_value,
    pairs.chunks,
    pairs.chunks_needed,
    pairs.verdict,
    pairs.reason,
from pairs
inner join texts using (cohort_id, corpus_id, context_length, estimator)
