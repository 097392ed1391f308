with zones as (
    select
        members.cohort_id,
        composites.scoring,
        list(struct_pack(
            zone_rule := members.zone_rule,
            threshold := members.threshold,
            quant_id := members.quant_id,
            kld := members.kld_mean,
            composite := composites.composite,
            error := composites.standard_error,
            is_member := members.is_member
        )) as quants,
    from {{ ref('fct_zone_members') }} as members
    inner join {{ ref('fct_composites') }} as composites
        on {{ of_one_scoring('members', 'composites') }}
    where members.zone_rule <> 'full'
    group by members.cohort_id, composites.scoring
),

answered as (
    {{ answers_of_cohorts() }}
),

figures as (
    select
        zones.cohort_id,
        zones.scoring,
        unnest(zone_figures(
            zones.quants, answered.answers, {{ settings('n_resamples', 'n_splits', 'seed') }}
        )) as answer,
    from zones
    left join answered using (cohort_id, scoring)
)

select
    cohort_id,
    scoring,
    answer.zone_rule,
    answer.threshold,
    (answer.zone_rule, answer.threshold) in (
        select (rules.zone_rule, rules.threshold),
        from {{ ref('dim_zone_rules') }} as rules
        where rules.is_default
    ) as is_default,
    answer.kind,
    answer.n,
    answer.figure,
    answer.low,
    answer.high,
    answer.p,
    answer.p_adjusted,
    answer.resolvable,
    answer.verdict,
    answer.reason,
from figures
