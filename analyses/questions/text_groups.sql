-- The quants of a cohort's first text by mean KLD, and the smallest allowed file of the lowest.
with quants as (
    select
        quant_id,
        bytes,
        figure as kld_mean,
        chunks,
        letters,
        is_lowest,
        corpus_id,
        reason,
        coalesce(
            bytes <= getvariable('most'), getvariable('most') = 'infinity'::double
        ) as is_allowed,
        arg_min(quant_id, (figure, quant_id)) filter (where letters is not null) over () as lowest,
    from stat_text_groups
    where cohort_id = getvariable('cohort') and is_primary and kind = 'kld'
)

select
    quant_id,
    quant_id as quant,
    bytes,
    kld_mean,
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
