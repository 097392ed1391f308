-- one row per cohort x scoring: which quants lie in which zone
with zones as (
    select
        members.cohort_id,
        composites.scoring,
        list(struct_pack(
            members.zone_rule,
            members.threshold,
            by_score := members.zone_rule not in ('full', 'kld_max'),
            members.quant_id,
            kld := members.kld_mean
        )) as members,
    from {{ ref('fct_zone_members') }} as members
    inner join {{ ref('fct_composites') }} as composites
        on {{ of_one_scoring('members', 'composites') }}
    where members.is_member
    group by members.cohort_id, composites.scoring
),

answered as (
    {{ answers_of_cohorts(whole_suites=true) }}
),

leaning as (
    select
        cohort_id,
        scoring,
        zone_directions(
            zones.members, answered.answers, {{ settings('n_tosses', 'seed') }}
        ) as found,
    from zones
    inner join answered using (cohort_id, scoring)
),

figures as (
    select
        cohort_id,
        scoring,
        unnest(found) as answer,
    from leaning
)

select
    cohort_id,
    scoring,
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
