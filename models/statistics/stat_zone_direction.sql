-- one row per cohort: which quants lie in which zone
with zones as (
    select
        cohort_id,
        list(struct_pack(
            zone_rule,
            threshold,
            by_score := zone_rule not in ('full', 'kld_max'),
            quant_id,
            kld := kld_mean
        )) as members,
    from {{ ref('fct_zone_members') }}
    semi join {{ ref('fct_composites') }} using (cohort_id, quant_id)
    where is_member
    group by cohort_id
),

answered as (
    select
        cohort_id,
        list(struct_pack(
            quant_id, benchmark_id, prompt_id, text_id, weight, score, score_ref
        )) as answers,
    from {{ ref('fct_prompts') }}
    semi join {{ ref('fct_composites') }} using (cohort_id, quant_id)
    group by cohort_id
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
    answer.verdict,
from figures
