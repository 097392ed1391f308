-- one row per cohort: which quants lie in which zone
with zones as (
    select
        members.cohort_id,
        list(struct_pack(
            members.zone_rule,
            members.threshold,
            by_score := members.zone_rule not in ('full', 'kld_max'),
            members.quant_id,
            kld := members.kld_mean
        )) as members,
    from {{ ref('fct_zone_members') }} as members
    semi join {{ ref('fct_composites') }} using (cohort_id, quant_id)
    where members.is_member
    group by members.cohort_id
),

answered as (
    {{ answers_of_cohorts(whole_suites=true) }}
),

leaning as (
    select
        cohort_id,
        zone_directions(
            zones.members, answered.answers, {{ settings('n_tosses', 'seed') }}
        ) as found,
    from zones
    inner join answered using (cohort_id)
),

figures as (
    select
        cohort_id,
        unnest(found) as answer,
    from leaning
)

select
    cohort_id,
    answer.zone_rule,
    answer.threshold,
    answer.kind,
    answer.n,
    answer.texts,
    answer.disagreements,
    answer.figure,
    answer.low,
    answer.high,
    answer.p,
    answer.p_adjusted,
    answer.detectable,
    answer.verdict,
from figures
