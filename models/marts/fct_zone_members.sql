-- of each quant on its cohort's first text: from token rows where there are any, else a summary
with klds as (
    select
        fidelity.cohort_id,
        fidelity.quant_id,
        fidelity.value as kld_mean,
    from {{ ref('fct_fidelity') }} as fidelity
    inner join {{ ref('dim_measurements') }} as measurements using (cohort_id, measurement_id)
    where measurements.metric = 'kld_mean'
        and measurements.variant = 1
    qualify
        row_number() over (
            partition by fidelity.cohort_id, fidelity.quant_id
            order by fidelity.nonfinite is null, fidelity.estimator
        ) = 1
),

rules as (
    select
        'full' as zone_rule,
        0.0::double as threshold,
        true as is_default,
        false as is_by_score,
    union all by name
    select
        zone_rule,
        threshold,
        is_default,
        zone_rule <> 'kld_max' as is_by_score,
    from {{ ref('dim_zone_rules') }}
),

scorings as (
    select distinct
        cohort_id,
        scoring,
    from {{ ref('fct_composites') }}
)

select
    klds.cohort_id,
    rules.zone_rule,
    rules.threshold,
    rules.is_default,
    scorings.scoring,
    klds.quant_id,
    klds.kld_mean,
    coalesce(case rules.zone_rule
        when 'full' then true
        when 'kld_max' then klds.kld_mean <= rules.threshold
        when 'score_tol' then composites.gain >= -rules.threshold
        -- two one-sided tests at 5 % are the interval that leaves out 10 %
        when 'tost' then abs(composites.gain)
            + {{ normal_quantile(0.1) }} * composites.standard_error < rules.threshold
        when 'not_different' then abs(composites.gain)
            <= {{ normal_quantile('rules.threshold') }} * composites.standard_error
    end, false) as is_member,
from klds
cross join rules
left join scorings
    on klds.cohort_id = scorings.cohort_id
    and rules.is_by_score
left join {{ ref('fct_composites') }} as composites
    on klds.cohort_id = composites.cohort_id
    and klds.quant_id = composites.quant_id
    and scorings.scoring = composites.scoring
