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

answers as (
    select cohort_id, unnest(edge_curve(measured, scores, errors, {{ var('n_resamples') }}, {{ var('seed') }})) as answer,
    from points
)

select
    cohort_id,
    answer.threshold,
    answer.n,
    answer.rho,
    answer.low as ci_low,
    answer.high as ci_high,
    answer.expected,
    answer.expected_low,
    answer.expected_high,
    answer.reason,
from answers
