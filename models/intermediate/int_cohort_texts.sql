-- a text at a context length: when it was first read, whether by any quant, whether it is named
with texts as (
    select
        cohort_id,
        corpus_id,
        context_length,
        bool_or(role = 'quant') as has_quants,
        bool_or(list_contains(tags, 'primary')) as is_named,
        min(corpus_rank) as command_rank,
        min(started_at) as started_at,
    from {{ ref('stg_runs') }}
    where task in ('corpus', 'summary')
        and not {{ is_second_reading('role') }}
    group by all
),

-- within a text; of lengths that began in one moment the shortest comes first
lengths as (
    select
        *,
        row_number() over (
            partition by cohort_id, corpus_id
            order by has_quants desc, is_named desc, started_at asc, context_length asc
        ) as context_rank,
    from texts
),

corpora as (
    select
        cohort_id,
        corpus_id,
        row_number() over (
            partition by cohort_id
            order by
                bool_or(has_quants) desc,
                bool_or(is_named) desc,
                min(started_at) asc,
                min(command_rank) asc,
                corpus_id asc
        ) as corpus_rank,
    from texts
    group by cohort_id, corpus_id
)

select
    lengths.cohort_id,
    lengths.corpus_id,
    lengths.context_length,
    corpora.corpus_rank,
    lengths.context_rank,
from lengths
inner join corpora using (cohort_id, corpus_id)
