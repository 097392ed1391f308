with members as (
    select cohort_id, zone_rule, threshold, is_default, quant_id,
    from {{ ref('fct_zone_members') }}
    where is_member
),

measured as (
    select fidelity.cohort_id, fidelity.quant_id, fidelity.estimator, measurements.variant, fidelity.measurement_id, fidelity.value_oriented as figure,
    from {{ ref('fct_fidelity') }} as fidelity
    inner join {{ ref('dim_measurements') }} as measurements using (cohort_id, measurement_id)
    where measurements.variant is not null
    union all
    -- a user's own measures come after the study's, beside every estimator
    select own.cohort_id, own.quant_id, estimators.estimator, (1000 + dense_rank() over (order by own.measure))::integer, 'measure:' || own.measure, own.value_oriented,
    from {{ ref('fct_measures') }} as own
    inner join (select distinct cohort_id, estimator, from {{ ref('fct_fidelity') }}) as estimators using (cohort_id)
),

-- with one benchmark its score and direction are the composite's
targets as (
    from (unpivot (select cohort_id, quant_id, composite, volume, direction, from {{ ref('fct_composites') }}) on composite, volume, direction into name target value figure)
    union all
    select disagreements.cohort_id, quant_id, side.name || ':' || benchmark_id, case side.name when 'score' then score else disagreements.direction end,
    from {{ ref('fct_disagreements') }} as disagreements
    inner join {{ ref('fct_composites') }} as composites using (cohort_id, quant_id)
    cross join (values ('score'), ('direction')) as side (name)
    where composites.benchmarks > 1
),

points as (
    select distinct members.cohort_id, members.zone_rule, members.threshold, members.is_default, measured.estimator, members.quant_id, quants.uploader,
    from members
    inner join measured using (cohort_id, quant_id)
    inner join (select distinct cohort_id, quant_id, from targets) using (cohort_id, quant_id)
    left join {{ ref('dim_quants') }} as quants on members.cohort_id = quants.cohort_id and members.quant_id = quants.quant_id and quants.role = 'quant'
),

quants as (
    select cohort_id, zone_rule, threshold, is_default, estimator, list(quant_id order by quant_id) as quants, list(uploader order by quant_id) as uploaders,
    from points
    group by all
),

measurement_rows as (
    select points.cohort_id, points.zone_rule, points.threshold, points.estimator, names.variant, names.measurement_id, list(measured.figure order by points.quant_id) as figures,
    from points
    inner join (select distinct cohort_id, estimator, variant, measurement_id, from measured) as names using (cohort_id, estimator)
    left join measured using (cohort_id, quant_id, estimator, measurement_id)
    group by all
),

target_rows as (
    select points.cohort_id, points.zone_rule, points.threshold, points.estimator, names.target, list(round(targets.figure, 12) order by points.quant_id) as figures,  -- equal scores shall stay ties
    from points
    inner join (select distinct cohort_id, target, from targets) as names using (cohort_id)
    left join targets using (cohort_id, quant_id, target)
    where points.is_default or names.target not like '%:%'  -- benchmark by benchmark in the default zone only
    group by all
),

x as (
    select cohort_id, zone_rule, threshold, estimator, list(measurement_id order by variant) as measurements, list(variant order by variant) as variants, list(figures order by variant) as x,
    from measurement_rows
    group by all
),

y as (
    select cohort_id, zone_rule, threshold, estimator, list(target order by target) as targets, list(figures order by target) as y,
    from target_rows
    group by all
)

select cohort_id, zone_rule, threshold, quants.is_default, estimator, quants.quants, quants.uploaders, x.measurements, x.variants, x.x as measured, y.targets, y.y as figures,
from quants
inner join x using (cohort_id, zone_rule, threshold, estimator)
inner join y using (cohort_id, zone_rule, threshold, estimator)
