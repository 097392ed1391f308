-- The tokens of a quant with the largest KLD, each with the ids before it in its chunk.
with worst as (
    select
        run_id,
        corpus_id,
        context_length,
        chunk,
        position,
        token_id,
        top1_ref,
        top1,
        kld,
        delta_loss,
    from int_tokens
    where cohort_id = getvariable('cohort') and quant_id = getvariable('quant') and kld is not null
    qualify
        row_number() over (
            order by
                kld desc, corpus_id asc, context_length asc, run_id asc, chunk asc, position asc
        ) <= getvariable('most')
),

near as (
    select
        run_id,
        chunk,
        position,
        token_id,
    from int_tokens
    where cohort_id = getvariable('cohort') and quant_id = getvariable('quant')
)

select
    worst.*,
    coalesce(
        list(near.token_id order by near.position) filter (near.token_id is not null), []
    ) as before_it,
    any_value(runs.vocabulary_sha256) as vocabulary_sha256,
from worst
inner join stg_runs as runs using (run_id)
left join near
    on worst.run_id = near.run_id
    and worst.chunk = near.chunk
    and near.position between worst.position - getvariable('before') and worst.position - 1
group by all
order by
    worst.kld desc,
    worst.corpus_id asc,
    worst.context_length asc,
    worst.chunk asc,
    worst.position asc
