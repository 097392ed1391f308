-- one row per zone: the figures of its cohort's quants in lists, with who is inside
with points as (
    select
        members.cohort_id,
        members.zone_rule,
        members.threshold,
        members.is_default,
        list(members.kld_mean order by members.quant_id) as measured,
        list(members.is_member order by members.quant_id) as in_zone,
        list(composites.composite order by members.quant_id) as scores,
        list(composites.standard_error order by members.quant_id) as errors,
        -- null for a quant that did not answer every prompt
        list(
            blocks.scores[list_position(blocks.quants, members.quant_id)]
            order by members.quant_id
        ) as answers,
        any_value([blocks.benchmarks, blocks.texts]) as asked,
        any_value(blocks.weights) as weights,
    from {{ ref('fct_zone_members') }} as members
    inner join {{ ref('fct_composites') }} as composites using (cohort_id, quant_id)
    left join {{ ref('stat_score_blocks') }} as blocks using (cohort_id)
    where members.zone_rule <> 'full'
    group by all
),

judged as (
    select
        cohort_id,
        zone_rule,
        threshold,
        is_default,
        no_mystery(
            measured, scores, errors, in_zone, answers, asked, weights,
            {{ var('n_resamples') }}, {{ var('seed') }}
        ) as mystery,
        case
            when weights is not null
            then ranking(
                    list_filter(list_where(answers, in_zone), lambda fact: fact is not null),
                    asked, weights,
                    {{ var('n_resamples') }}, {{ var('seed') }}, {{ var('n_splits') }}
                )
        end as halves,
        reliability(
            list_where(scores, in_zone), list_where(errors, in_zone),
            {{ var('n_resamples') }}, {{ var('seed') }}
        ) as spread,
        fall_per_doubling(list_where(measured, in_zone), list_where(scores, in_zone)) as fall,
    from points
)

select
    cohort_id,
    zone_rule,
    threshold,
    is_default,
    mystery.n,
    mystery.n_zone,
    mystery.rho_full,
    mystery.rho_zone,
    mystery.slope,
    mystery.slope_error,
    mystery.line_expected,
    mystery.line_low,
    mystery.line_high,
    mystery.flat_low,
    mystery.flat_high,
    mystery.p_line,
    mystery.p_flat,
    mystery.resolvable,
    mystery.verdict,
    spread.reliability,
    spread.low as reliability_low,
    spread.high as reliability_high,
    sqrt(coalesce(halves.reliability, spread.reliability)) as noise_ceiling,
    halves.p as p_ranking,
    coalesce(halves.p < {{ alpha() }}, coalesce(spread.low, spread.reliability) > 0) as is_rankable,
    halves.reliability as reliability_halves,
    halves.low as reliability_halves_low,
    halves.high as reliability_halves_high,
    fall.slope as fall_per_doubling,
    fall.low as fall_low,
    fall.high as fall_high,
    coalesce(mystery.reason, spread.reason, fall.reason, halves.reason) as reason,
from judged
