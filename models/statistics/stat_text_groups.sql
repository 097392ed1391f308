-- the figure that letters start with, of every text and kind
with lowest as (
    select
        cohort_id,
        corpus_id,
        context_length,
        estimator,
        kind,
        arg_min(quant_id, (figure, quant_id)) as lowest_id,
        list(struct_pack(quant_id, rank_by := -figure)) as quants,
    from {{ ref('fct_text_figures') }}
    where chunks >= {{ var('smallest_chunks') }}
    group by all
),

-- the pairs told apart by it
judged as (
    select
        cohort_id,
        corpus_id,
        context_length,
        estimator,
        kind,
        list(struct_pack(
            quant_id, other_quant_id, is_apart := verdict in ('first_lower', 'second_lower')
        )) as pairs,
    from {{ ref('stat_text_pairs') }}
    group by all
),

lettered as (
    select
        cohort_id,
        corpus_id,
        context_length,
        estimator,
        kind,
        lowest.lowest_id,
        unnest(group_letters(lowest.quants, judged.pairs)) as answer,
    from lowest
    left join judged using (cohort_id, corpus_id, context_length, estimator, kind)
),

-- one row per quant: its letters, and whether it is told apart from the lowest figure
held as (
    select
        figures.*,
        lettered.answer.letters,
        if(
            lettered.lowest_id is not null,
            coalesce(
                pairs.verdict not in ('first_lower', 'second_lower', 'too_few_chunks'), true
            ), null
        ) as is_lowest,
    from {{ ref('fct_text_figures') }} as figures
    left join lettered
        on figures.cohort_id = lettered.cohort_id
        and figures.corpus_id = lettered.corpus_id
        and figures.context_length = lettered.context_length
        and figures.estimator = lettered.estimator
        and figures.kind = lettered.kind
        and figures.quant_id = lettered.answer.quant_id
    left join {{ ref('stat_text_pairs') }} as pairs
        on figures.cohort_id = pairs.cohort_id
        and figures.corpus_id = pairs.corpus_id
        and figures.context_length = pairs.context_length
        and figures.estimator = pairs.estimator
        and figures.kind = pairs.kind
        and least(figures.quant_id, lettered.lowest_id) = pairs.quant_id
        and greatest(figures.quant_id, lettered.lowest_id) = pairs.other_quant_id
)

select
    cohort_id,
    corpus_id,
    context_length,
    estimator,
    kind,
    quant_id,
    is_primary,
    figure,
    token_error,
    chunks,
    smallest_chunk,
    largest_chunk,
    letters,
    is_lowest,
    bytes,
    if(is_lowest is null, null, is_lowest and bytes is not null and row_number() over (
        partition by cohort_id, corpus_id, context_length, estimator, kind, is_lowest
        order by bytes asc nulls last, figure asc, quant_id asc
    ) = 1) as is_smallest,
    coalesce(
        reason,
        if(
            chunks < {{ var('smallest_chunks') }},
            'fewer than {{ var('smallest_chunks') }} chunks were read', null
        )
    ) as reason,
from held
