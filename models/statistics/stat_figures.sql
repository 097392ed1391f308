with estimators as (
    select distinct
        cohort_id,
        estimator,
    from {{ ref('fct_fidelity') }}
),

-- one row per quant x estimator x measurement
measured as (
    select
        fidelity.cohort_id,
        fidelity.quant_id,
        fidelity.estimator,
        measurements.variant,
        fidelity.measurement_id as side,
        fidelity.value_oriented as figure,
    from {{ ref('fct_fidelity') }} as fidelity
    inner join {{ ref('dim_measurements') }} as measurements using (cohort_id, measurement_id)
    where measurements.variant is not null
    union all by name
    -- a user's own measures come after the study's, beside every estimator
    select
        own.cohort_id,
        own.quant_id,
        estimators.estimator,
        (1000 + dense_rank() over (order by own.measure))::integer as variant,
        'measure:' || own.measure as side,
        own.value_oriented as figure,
    from {{ ref('fct_measures') }} as own
    inner join estimators using (cohort_id)
),

-- one row per zone x estimator x quant that has a measurement and a target
points as (
    select distinct
        members.cohort_id,
        members.zone_rule,
        members.threshold,
        members.is_default,
        measured.estimator,
        members.quant_id,
        quants.uploader,
    from {{ ref('fct_zone_members') }} as members
    inner join measured using (cohort_id, quant_id)
    semi join {{ ref('stat_targets') }} using (cohort_id, quant_id)
    left join {{ ref('dim_quants') }} as quants
        on
        members.cohort_id = quants.cohort_id
        and members.quant_id = quants.quant_id
        and quants.role = 'quant'
    where members.is_member
),

-- the measurements and the targets (no variant) of a cohort
sides as (
    select distinct
        cohort_id,
        estimator,
        side,
        variant,
    from measured
    union all by name
    select distinct
        targets.cohort_id,
        estimators.estimator,
        targets.target as side,
        null::integer as variant,
    from {{ ref('stat_targets') }} as targets
    inner join estimators using (cohort_id)
),

-- one row per zone x side: the figures of its quants, null where there is none
rows as (
    select
        points.cohort_id,
        points.zone_rule,
        points.threshold,
        points.is_default,
        points.estimator,
        sides.side,
        sides.variant,
        list(points.quant_id order by points.quant_id) as quants,
        list(points.uploader order by points.quant_id) as uploaders,
        list(coalesce(measured.figure, targets.figure) order by points.quant_id) as figures,
    from points
    inner join sides using (cohort_id, estimator)
    left join measured using (cohort_id, quant_id, estimator, side, variant)
    left join {{ ref('stat_targets') }} as targets
        on
        points.cohort_id = targets.cohort_id
        and points.quant_id = targets.quant_id
        and sides.side = targets.target
        and sides.variant is null
    -- benchmark by benchmark in the default zone only
    where points.is_default or sides.variant is not null or sides.side not like '%:%'
    group by all
)

select
    cohort_id,
    zone_rule,
    threshold,
    is_default,
    estimator,
    any_value(quants) as quants,
    any_value(uploaders) as uploaders,
    list(side order by variant) filter (where variant is not null) as measurements,
    list(variant order by variant) filter (where variant is not null) as variants,
    list(figures order by variant) filter (where variant is not null) as measured,
    list(side order by side) filter (where variant is null) as targets,
    list(figures order by side) filter (where variant is null) as figures,
from rows
group by all
