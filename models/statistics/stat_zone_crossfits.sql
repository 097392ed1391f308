with zones as (
    select
        cohort_id,
        list(struct_pack(
            zone_rule, threshold, quant_id, kld := kld_mean, error := null::double
        )) as quants,
    from {{ ref('fct_zone_members') }}
    where zone_rule <> 'full'
    group by cohort_id
),

answered as (
    {{ answers_of_cohorts() }}
),

crossed as (
    select
        zones.cohort_id,
        unnest(zone_crossfits(
            zones.quants, answered.answers, {{ settings('n_splits', 'seed') }}
        )) as answer,
    from zones
    inner join answered using (cohort_id)
)

select
    cohort_id,
    answer.zone_rule,
    answer.threshold,
    answer.splits,
    answer.members,
    answer.rho,
    answer.rho_same_half,
    answer.reason,
from crossed
