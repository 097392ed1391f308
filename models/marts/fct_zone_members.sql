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
select cohort_id, zone_rule, threshold, is_default, quant_id, kld_mean, kld_mean <= threshold,
from kld
cross join {{ ref('zone_rules') }}
where zone_rule = 'kld_max'
