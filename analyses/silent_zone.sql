select
    members.cohort_id,
    scorings.scoring,
    members.zone_rule,
    members.threshold,
    members.is_default,
    count(*) filter (where members.is_member) as members,
    count(*) as quants,
    max(members.kld_mean) filter (where members.is_member) as largest_kld,
    nullif(
        arg_max(coalesce(floors.noise_floor, ''), members.kld_mean)
        filter (where members.is_member), ''
    ) as noise_floor,
    min(composites.composite) filter (where members.is_member) as lowest_composite,
    max(composites.composite) filter (where members.is_member) as highest_composite,
    any_value(composites.composite_ref) as composite_ref,
    avg(composites.standard_error order by composites.standard_error)
    filter (where members.is_member) as mean_gain_se,
from {{ ref('fct_zone_members') }} as members
left join {{ ref('dim_scorings') }} as scorings
    on
    members.cohort_id = scorings.cohort_id
    and coalesce(members.scoring, scorings.scoring) = scorings.scoring
left join {{ ref('fct_composites') }} as composites
    on
    members.cohort_id = composites.cohort_id
    and members.quant_id = composites.quant_id
    and scorings.scoring = composites.scoring
left join {{ primary_floors() }} as floors
    on
    members.cohort_id = floors.cohort_id
    and members.quant_id = floors.quant_id
group by all
order by members.cohort_id, scorings.scoring, members.zone_rule, members.threshold
