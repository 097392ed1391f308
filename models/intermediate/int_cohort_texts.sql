-- a text at a context length, and when it was first named
with texts as (
    select
        cohort_id,
        corpus_id,
        context_length,
        min(corpus_rank) as command_rank,
        min(started_at) as started_at,
    from {{ ref('stg_runs') }}
    where task in ('corpus', 'summary')
    group by all
),

corpora as (
    select
        cohort_id,
        corpus_id,
        row_number() over (
            partition by cohort_id
            order by min(command_rank), min(started_at), corpus_id
        ) as corpus_rank,
    from texts
    group by cohort_id, corpus_id
)

select
    texts.cohort_id,
    texts.corpus_id,
    texts.context_length,
    corpora.corpus_rank,
    dense_rank() over (partition by texts.cohort_id order by texts.context_length) as context_rank,
from texts
inner join corpora using (cohort_id, corpus_id)
