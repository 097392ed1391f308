with kld as (
    select fidelity.cohort_id, fidelity.quant_id, fidelity.value as kld_mean,
    from {{ ref('fct_fidelity') }} as fidelity
    inner join {{ ref('dim_measurements') }} as measurements using (cohort_id, measurement_id)
    where measurements.metric = 'kld_mean' and measurements.variant = 1
    qualify row_number() over (partition by fidelity.cohort_id, fidelity.quant_id order by fidelity.nonfinite is null, fidelity.estimator) = 1  -- token rows before summaries
)

select cohort_id, 'full' as zone_rule, 0.0::double as threshold, true as is_default, quant_id, kld_mean, true as is_member,
from kld
union all
select
    kld.cohort_id,
    rules.zone_rule,
    rules.threshold,
    rules.is_default,
    kld.quant_id,
    kld.kld_mean,
    coalesce(case rules.zone_rule
        when 'kld_max' then kld.kld_mean <= rules.threshold
        when 'score_tol' then composites.gain >= -rules.threshold
        when 'tost' then abs(composites.gain) + rules.critical * composites.standard_error < rules.threshold
        when 'not_different' then abs(composites.gain) <= rules.critical * composites.standard_error
    end, false),
from kld
cross join {{ ref('zone_rules') }} as rules
left join {{ ref('fct_composites') }} as composites using (cohort_id, quant_id)
