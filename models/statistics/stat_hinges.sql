-- one row per cohort: its quants' figures in lists
with points as (
    select
        members.cohort_id,
        list(members.kld_mean order by members.quant_id) as measured,
        list(composites.composite order by members.quant_id) as scores,
        list(composites.standard_error order by members.quant_id) as errors,
    from {{ ref('fct_zone_members') }} as members
    inner join {{ ref('fct_composites') }} as composites using (cohort_id, quant_id)
    where members.zone_rule = 'full'
    group by all
),

fitted as (
    select
        cohort_id,
        hinge(measured, scores, errors, {{ var('n_hinges') }}, {{ var('seed') }}) as answer,
    from points
)

select
    cohort_id,
    answer.n,
    answer.edge,
    answer.profile_low as edge_low,
    answer.profile_high as edge_high,
    answer.low as resampled_low,
    answer.high as resampled_high,
    answer.flat as composite_below,
    answer.slope,
    answer.p_linear,
    answer.reason,
from fitted
