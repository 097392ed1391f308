-- one row per cohort x kind: what its first text tells of its pairs
with pairs as (
    select
        cohort_id,
        kind,
        any_value(corpus_id) as corpus_id,
        max(chunks) as chunks,
        count(*) as pairs,
        count(p_adjusted) as tested,
        count(*) filter (where verdict in ('first_lower', 'second_lower')) as told,
        any_value(reason) as reason,
        -- the pair that takes most chunks; one of no number takes more than can be counted
        arg_max(
            struct_pack(quant_id, other_quant_id, verdict, chunks_needed),
            coalesce(chunks_needed, 1e18)
        ) filter (where p_adjusted is not null) as nearest,
    from {{ ref('stat_text_pairs') }}
    where is_primary
    group by cohort_id, kind
),

quants as (
    select
        cohort_id,
        kind,
        count(*) as quants,
        count(*) filter (where is_lowest) as lowest,
        max(quant_id) filter (where is_smallest) as smallest,
        arg_min(quant_id, (figure, quant_id)) as lowest_id,
        list_unique(flatten(list(regexp_extract_all(letters, '[a-zA-Z][0-9]*')))) as letters,
    from {{ ref('stat_text_groups') }}
    where is_primary
    group by cohort_id, kind
),

texts as (
    select
        quants.*,
        pairs.* exclude (cohort_id, kind),
        case quants.kind
            when 'kld' then 'mean KLD' when 'loss' then 'mean loss' else 'share of token flips'
        end as measure,
        list_position(['kld', 'loss', 'flips'], quants.kind) as rank,
    from quants
    left join pairs using (cohort_id, kind)
),

findings as (
    select
        texts.*,
        2 + rank / 10 as place,
        'pairs of quants that the first text tells apart by ' || measure as finding,
        coalesce(pairs, 0) as n,
        if(tested > 0, told, null)::double as figure,
        case
            when coalesce(pairs, 0) = 0 then 'one_quant'
            when chunks = 0 then 'not_paired'
            when tested = 0 then 'too_few_chunks'
            else 'counted'
        end as verdict,
    from texts
    union all by name
    select
        texts.*,
        2.4 as place,
        'chunks that would tell the nearest pair apart by mean KLD' as finding,
        chunks as n,
        nearest.chunks_needed::double as figure,
        case
            when nearest.verdict <> 'cannot_tell' then 'nearest_told'
            when nearest.chunks_needed is null then 'nearest_beyond'
            else 'nearest_needs'
        end as verdict,
    from texts
    where kind = 'kld' and tested > 0
    union all by name
    select
        texts.*,
        2.5 as place,
        'quants not told apart from the lowest mean KLD of the first text' as finding,
        quants as n,
        lowest::double as figure,
        if(smallest is null, 'lowest', 'lowest_smallest') as verdict,
    from texts
    where kind = 'kld' and tested > 0
)

select
    cohort_id,
    place::double as place,
    finding,
    n,
    figure,
    null::double as low,
    null::double as high,
    'texts' as statistic,
    verdict,
    map {
        'text': corpus_id,
        'chunks': chunks::varchar,
        'quants': quants::varchar,
        'pairs': pairs::varchar,
        'told': told::varchar,
        'letters': letters::varchar,
        'measure': measure,
        'reason': reason,
        'first': nearest.quant_id,
        'second': nearest.other_quant_id,
        'needed': nearest.chunks_needed::varchar,
        'lowest': lowest_id,
        'smallest': smallest
    } as facts,
from findings
