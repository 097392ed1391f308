-- The second of two quants against the first, on the cohort's first text.
with pairs as (
    select
        *,
        count(*) over (partition by kind) as total,
        if(quant_id = getvariable('first'), 1, -1) as side,
    from stat_text_pairs
    where cohort_id = getvariable('cohort') and is_primary
)

select
    pairs.kind,
    firsts.figure as first_figure,
    seconds.figure as second_figure,
    pairs.side * pairs.figure as difference,
    if(pairs.side = 1, pairs.low, -pairs.high) as low,
    if(pairs.side = 1, pairs.high, -pairs.low) as high,
    pairs.p,
    pairs.p_adjusted,
    pairs.e_value,
    pairs.chunks,
    pairs.chunks_needed,
    case
        when pairs.side = 1 then pairs.verdict
        when pairs.verdict = 'first_lower' then 'second_lower'
        when pairs.verdict = 'second_lower' then 'first_lower'
        else pairs.verdict
    end as verdict,
    {
        'first': getvariable('first'),
        'second': getvariable('second'),
        'measure': case pairs.kind
            when 'kld' then 'mean KLD'
            when 'loss' then 'mean loss'
            else 'share of token flips'
        end,
        'difference': printf('%+.3g', pairs.side * pairs.figure),
        'low': coalesce(printf('%+.3g', if(pairs.side = 1, pairs.low, -pairs.high)), 'unknown'),
        'high': coalesce(printf('%+.3g', if(pairs.side = 1, pairs.high, -pairs.low)), 'unknown'),
        'chunks': pairs.chunks::varchar,
        'p_adjusted': coalesce(printf('%.2g', pairs.p_adjusted), 'not tested'),
        'pairs': pairs.total::varchar,
        'needed': coalesce(format('{:,}', pairs.chunks_needed), 'unknown'),
        'reason': coalesce(pairs.reason, ''),
        'first_floor': first_floors.noise_floor,
        'second_floor': second_floors.noise_floor
    } as facts,
from pairs
left join stat_text_groups as firsts
    on firsts.cohort_id = getvariable('cohort')
    and firsts.is_primary
    and pairs.kind = firsts.kind
    and firsts.quant_id = getvariable('first')
left join stat_above_floor as first_floors
    on first_floors.cohort_id = getvariable('cohort')
    and pairs.kind = 'kld'
    and firsts.corpus_id = first_floors.corpus_id
    and firsts.context_length = first_floors.context_length
    and firsts.estimator = first_floors.estimator
    and first_floors.quant_id = getvariable('first')
left join stat_text_groups as seconds
    on seconds.cohort_id = getvariable('cohort')
    and seconds.is_primary
    and pairs.kind = seconds.kind
    and seconds.quant_id = getvariable('second')
left join stat_above_floor as second_floors
    on second_floors.cohort_id = getvariable('cohort')
    and pairs.kind = 'kld'
    and seconds.corpus_id = second_floors.corpus_id
    and seconds.context_length = second_floors.context_length
    and seconds.estimator = second_floors.estimator
    and second_floors.quant_id = getvariable('second')
where (pairs.quant_id = getvariable('first') and pairs.other_quant_id = getvariable('second'))
    or (pairs.quant_id = getvariable('second') and pairs.other_quant_id = getvariable('first'))
order by list_position(['kld', 'loss', 'flips'], pairs.kind)
