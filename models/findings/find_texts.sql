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
        string_agg(quant_id || ' ' || letters, ', ' order by figure, quant_id) as lettered,
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
        *,
        unnest([
            {
                'place': 2.0 + rank / 10,
                'finding': 'pairs of quants that the first text tells apart by ' || measure,
                'n': coalesce(pairs, 0), 'figure': if(tested > 0, told, null),
                'verdict': case
                    when coalesce(pairs, 0) = 0 then 'one_quant'
                    when chunks = 0 then 'not_paired'
                    when tested = 0 then 'too_few_chunks'
                    else 'counted'
                end
            },
            {
                'place': 2.0,
                'finding': 'quants that were measured on the first text',
                'n': quants, 'figure': quants,
                'verdict': if(chunks > 0, 'read', 'printed')
            },
            {
                'place': 2.4,
                'finding': 'letters of quants not told apart by mean KLD on the first text',
                'n': quants, 'figure': letters,
                'verdict': if(quants <= 8, 'letters', 'many_letters')
            },
            {
                'place': 2.5,
                'finding': 'quants not told apart from the lowest mean KLD of the first text',
                'n': quants, 'figure': lowest,
                'verdict': if(smallest is null, 'lowest', 'lowest_smallest')
            },
            {
                'place': 2.6,
                'finding': 'chunks that would tell the nearest pair apart by mean KLD',
                'n': chunks, 'figure': nearest.chunks_needed,
                'verdict': case
                    when nearest.verdict <> 'cannot_tell' then 'nearest_told'
                    when nearest.chunks_needed is null then 'nearest_beyond'
                    else 'nearest_needs'
                end
            }
        ]) as entry,
    from texts
)

select
    cohort_id,
    entry.place::double as place,
    entry.finding,
    entry.n,
    entry.figure::double as figure,
    null::double as low,
    null::double as high,
    'texts' as statistic,
    entry.verdict,
    map {
        'text': corpus_id,
        'chunks': chunks::varchar,
        'letters': letters::varchar,
        'lettered': lettered,
        'reason': coalesce(reason, 'there is one quant, and no pair'),
        'first': nearest.quant_id, 'second': nearest.other_quant_id,
        'needed': nearest.chunks_needed::varchar,
        'lowest': lowest_id,
        'smallest': smallest
    } as facts,
from findings
-- one row of each kind says its pairs; what is of KLD alone needs a pair that was tested
where entry.place = 2.0 + rank / 10
    or kind = 'kld' and (tested > 0 or entry.place = 2.0)
