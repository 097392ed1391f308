-- one row per cohort x kind: what its first text tells of its pairs
with pairs as (
    select
        cohort_id,
        kind,
        min(corpus_id) as corpus_id,
        max(chunks) as chunks,
        count(*) as pairs,
        count(p_adjusted) as tested,
        count(*) filter (where verdict in ('first_lower', 'second_lower')) as told,
        min(reason) as reason,
        -- the smallest difference of those not told apart; of all, where each is told
        arg_min(
            struct_pack(quant_id, other_quant_id, verdict, chunks_needed, reason),
            (verdict in ('first_lower', 'second_lower'), abs(figure), quant_id, other_quant_id)
        ) as nearest,
    from {{ ref('stat_text_pairs') }}
    where is_primary
    group by cohort_id, kind
),

quants as (
    select
        cohort_id,
        kind,
        count(*) as quants,
        max(chunks) as own_chunks,
        count(*) filter (where is_lowest) as lowest,
        count(*) - count(bytes) as unsized,
        max(quant_id) filter (where is_smallest) as smallest,
        arg_min(quant_id, (figure, quant_id)) filter (where letters is not null) as lowest_id,
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
                'place': 2.0, 'n': quants, 'figure': quants,
                'finding': 'quants that were measured on the first text',
                'verdict': if(coalesce(chunks, own_chunks) > 0, 'read', 'printed')
            },
            {
                'place': 2.4, 'n': quants, 'figure': letters,
                'finding': 'letters of quants not told apart by mean KLD on the first text',
                'verdict': if(quants <= 8, 'letters', 'many_letters')
            },
            {
                'place': 2.5, 'n': quants, 'figure': lowest,
                'finding': 'quants not told apart from the lowest mean KLD of the first text',
                'verdict': if(
                    smallest is null, 'lowest', if(unsized > 0, 'lowest_sized', 'lowest_smallest')
                )
            },
            {
                'place': 2.6, 'n': chunks, 'figure': nearest.chunks_needed,
                'finding': 'chunks that would tell the nearest pair apart by mean KLD',
                'verdict': case
                    when nearest.verdict in ('first_lower', 'second_lower') then 'nearest_told'
                    when nearest.verdict <> 'cannot_tell' then 'nearest_equal'
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
        'text': corpus_id, 'chunks': coalesce(chunks, own_chunks)::varchar,
        'letters': letters::varchar, 'lettered': lettered,
        'reason': coalesce(reason, 'there is one quant, and no pair'),
        'untold': nearest.reason,
        'unsized': unsized::varchar, 'quants': quants::varchar,
        'first': nearest.quant_id, 'second': nearest.other_quant_id,
        'needed': nearest.chunks_needed::varchar,
        'lowest': lowest_id, 'smallest': smallest
    } as facts,
from findings
-- one row of each kind says its pairs; what is of KLD alone needs a pair that was tested
where entry.place = 2.0 + rank / 10
    or kind = 'kld' and (tested > 0 or entry.place = 2.0)
