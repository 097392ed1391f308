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
    from {{ ref('fct_zone_members') }} as members
    inner join {{ ref('fct_composites') }} as composites using (cohort_id, quant_id)
    where members.zone_rule <> 'full'
    group by all
),

answers as (
    select
        *,
        no_mystery(measured, scores, errors, in_zone, {{ var('n_resamples') }}, {{ var('seed') }}) as mystery,
        reliability(list_where(scores, in_zone), list_where(errors, in_zone), {{ var('n_resamples') }}, {{ var('seed') }}) as ranking,
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
    ranking.reliability,
    ranking.low as reliability_low,
    ranking.high as reliability_high,
    sqrt(ranking.reliability) as noise_ceiling,
    ranking.rankable as is_rankable,
    fall.slope as fall_per_doubling,
    fall.low as fall_low,
    fall.high as fall_high,
    coalesce(mystery.reason, ranking.reason, fall.reason) as reason,
from answers
