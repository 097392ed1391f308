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
        measurements.measurement_id,
        measurements.variant,
        fidelity.value_oriented as x,
    from {{ ref('fct_fidelity') }} as fidelity
    inner join {{ ref('dim_measurements') }} as measurements using (cohort_id, measurement_id)
    where measurements.variant is not null
    union all by name
    -- a user's own measures come after the study's, beside every estimator
    select
        own.cohort_id,
        own.quant_id,
        estimators.estimator,
        'measure:' || own.measure as measurement_id,
        (1000 + dense_rank() over (order by own.measure))::integer as variant,
        own.value_oriented as x,
    from {{ ref('fct_measures') }} as own
    inner join estimators using (cohort_id)
)

select
    members.cohort_id,
    targets.scoring,
    members.zone_rule,
    members.threshold,
    members.is_default,
    measured.estimator,
    measured.measurement_id,
    measured.variant,
    targets.target,
    members.quant_id,
    quants.uploader,
    measured.x,
    targets.figure as y,
from {{ ref('fct_zone_members') }} as members
inner join measured
    on members.cohort_id = measured.cohort_id
    and members.quant_id = measured.quant_id
inner join {{ ref('stat_targets') }} as targets
    on {{ of_one_scoring('members', 'targets') }}
left join {{ ref('dim_quants') }} as quants
    on
    members.cohort_id = quants.cohort_id
    and members.quant_id = quants.quant_id
    and quants.role = 'quant'
where
    members.is_member
    and isfinite(measured.x)
    and isfinite(targets.figure)
    -- benchmark by benchmark in the default zone only
    and (members.is_default or targets.target not like '%:%')
