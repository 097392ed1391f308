-- How often do quant and reference differ in being right, and which way?
-- composite - composite_ref = volume x direction; mcnemar_p is exact and two-sided, over the benchmarks' pooled prompts.
-- difference says what these prompts can show: within them, a quant that is not resolved may be better, worse or the same.
with pooled as (
    select cohort_id, quant_id, sum(leapfrogs) as leapfrogs, sum(drops) as drops, min(mcnemar_p) filter (where benchmarks = 1) as mcnemar_p,
    from (select *, count(*) over (partition by cohort_id, quant_id) as benchmarks, from fct_disagreements)
    group by all
)

select
    composites.cohort_id,
    composites.quant_id,
    members.kld_mean,
    members.is_member as in_silent_zone,
    composites.composite_ref,
    composites.composite,
    pooled.leapfrogs,
    pooled.drops,
    composites.volume,
    composites.direction,
    composites.standard_error as gain_se,
    pooled.mcnemar_p,
    case
        when pooled.mcnemar_p is null then 'see each benchmark'
        when pooled.mcnemar_p >= 0.05 then 'not resolved'
        when composites.gain < 0 then 'below the reference'
        else 'above the reference'
    end as difference,
    composites.prompts,
from fct_composites as composites
inner join pooled using (cohort_id, quant_id)
left join fct_zone_members as members
    on composites.cohort_id = members.cohort_id and composites.quant_id = members.quant_id and members.zone_rule <> 'full' and members.is_default
order by composites.cohort_id, kld_mean
