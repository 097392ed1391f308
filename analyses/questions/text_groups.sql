-- The quants of a cohort's first text by mean KLD, and the smallest allowed file of the lowest.
with quants as (
    select
        quant_id,
        texts.bytes,
        texts.figure as kld_mean,
        floors.noise_floor,
        texts.chunks,
        texts.letters,
        texts.is_lowest,
        corpus_id,
        texts.reason,
        coalesce(
            texts.bytes <= getvariable('most'), getvariable('most') = 'infinity'::double
        ) as is_allowed,
        arg_min(quant_id, (texts.figure, quant_id))
        filter (where texts.letters is not null) over () as lowest,
    from stat_text_groups as texts
    left join stat_above_floor as floors
        using (cohort_id, corpus_id, context_length, estimator, quant_id)
    where cohort_id = getvariable('cohort') and texts.is_primary and texts.kind = 'kld'
)

select
    quant_id,
    quant_id as quant,
    bytes,
    kld_mean,
    noise_floor,
    chunks,
    letters,
    coalesce(is_lowest and bytes is not null, false) as is_candidate,
    is_candidate
    and row_number() over (
        order by is_candidate desc, bytes asc nulls last, kld_mean asc, quant_id asc
    ) = 1 as picked,
    corpus_id,
    reason,
    lowest,
from quants
where is_allowed
order by bytes nulls last, kld_mean, quant_id
