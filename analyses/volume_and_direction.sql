with flips as (
    select
        cohort_id,
        quant_id,
        scoring,
        sum(leapfrogs) as leapfrogs,
        sum(drops) as drops,
    from {{ ref('fct_disagreements') }}
    group by all
)

select
    composites.cohort_id,
    composites.scoring,
    composites.quant_id,
    members.kld_mean,
    floors.noise_floor,
    members.is_member as in_silent_zone,
    composites.composite_ref,
    composites.composite,
    flips.leapfrogs,
    flips.drops,
    composites.volume,
    composites.direction,
    answers.difference,
    answers.difference_low,
    answers.difference_high,
    answers.p_different,
    answers.p_adjusted,
    answers.verdict,
    composites.prompts,
from {{ ref('fct_composites') }} as composites
inner join flips using (cohort_id, quant_id, scoring)
left join {{ ref('stat_composites') }} as answers using (cohort_id, quant_id, scoring)
left join {{ primary_floors() }} as floors using (cohort_id, quant_id)
left join {{ ref('fct_zone_members') }} as members
    on composites.cohort_id = members.cohort_id
    and composites.quant_id = members.quant_id
    and coalesce(members.scoring, composites.scoring) = composites.scoring
    and members.zone_rule <> 'full'
    and members.is_default
order by composites.cohort_id, composites.scoring, members.kld_mean
