with answered as (
    {{ answers_of_cohorts() }}
),

zones as (
    select
        members.cohort_id,
        answered.scoring,
        list(struct_pack(
            zone_rule := members.zone_rule,
            threshold := members.threshold,
            quant_id := members.quant_id,
            kld := members.kld_mean,
            error := null::double
        )) as quants,
    from {{ ref('fct_zone_members') }} as members
    inner join answered
        on members.cohort_id = answered.cohort_id
        and coalesce(members.scoring, answered.scoring) = answered.scoring
    where members.zone_rule <> 'full'
    group by members.cohort_id, answered.scoring
),

crossed as (
    select
        zones.cohort_id,
        zones.scoring,
        unnest(zone_crossfits(
            zones.quants, answered.answers, {{ settings('n_splits', 'seed') }}
        )) as answer,
    from zones
    inner join answered using (cohort_id, scoring)
)

select
    cohort_id,
    scoring,
    answer.zone_rule,
    answer.threshold,
    answer.splits,
    answer.members,
    answer.rho,
    answer.rho_same_half,
    answer.reason,
from crossed
