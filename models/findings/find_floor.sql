-- one row per cohort: who is told from what the engine itself moves on its first text
with told as (
    select
        cohort_id,
        count(*) as quants,
        max(floors.chunks) as chunks,
        count(*) filter (where floors.verdict = 'above_floor') as told_apart,
        count(*) filter (where floors.verdict = 'too_few_chunks') as untested,
        list(floors.quant_id order by floors.difference, floors.quant_id)
        filter (where floors.verdict = 'not_above_floor') as untold,
        arg_min(
            struct_pack(floors.quant_id, floors.chunks_needed),
            (coalesce(floors.chunks_needed, 1e18), floors.quant_id)
        ) filter (where floors.verdict = 'not_above_floor') as nearest,
        any_value(controls.corpus_id) as corpus_id,
        arg_max(controls.reading, controls.kld_mean) as reading,
        max(controls.kld_mean) as kld,
    from {{ ref('stat_above_floor') }} as floors
    inner join {{ ref('fct_noise_floor') }} as controls
        using (cohort_id, corpus_id, context_length, route, estimator)
    where floors.is_primary
        and controls.is_floor
    group by cohort_id
)

select
    cohort_id,
    2.7::double as place,
    'quants whose mean KLD on the first text is above what the engine itself moves' as finding,
    quants as n,
    if(untested = quants, null, told_apart)::double as figure,
    null::double as low,
    null::double as high,
    'floors' as statistic,
    case
        when untested = quants then 'few'
        when untold is null then 'all'
        when nearest.chunks_needed is null then 'beyond'
        else 'needs'
    end as verdict,
    map {
        'text': corpus_id, 'chunks': chunks::varchar, 'floor': printf('%.2g', kld),
        'reading': reading, 'others': array_to_string(untold[:4], ', ')
        || if(len(untold) > 4, ' and ' || len(untold) - 4 || ' more', ''),
        'first': nearest.quant_id, 'needed': nearest.chunks_needed::varchar
    } as facts,
from told
