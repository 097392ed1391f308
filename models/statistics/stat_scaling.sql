with scored as (
    {{ scored_of_cohorts() }}
),

zones as (
    select
        cohort_id,
        list(struct_pack(zone_rule, threshold, quant_id, kld := kld_mean)) as klds,
    from (
        select distinct
            cohort_id,
            zone_rule,
            threshold,
            quant_id,
            kld_mean,
        from {{ ref('fct_zone_members') }}
        where is_member and zone_rule in ('full', 'kld_max')
    )
    group by cohort_id
),

labelled as (
    {{ families_of_cohorts() }}
),

fitted as (
    select
        cohort_id,
        unnest(scaling(
            scored.scored, zones.klds, labelled.families,
            {{ settings('wreck_kld', 'fewest_quants', 'seed') }}
        )) as answer,
    from scored
    inner join zones using (cohort_id)
    left join labelled using (cohort_id)
)

select
    fitted.cohort_id,
    fitted.answer.zone_rule,
    fitted.answer.threshold,
    fitted.answer.scoring,
    fitted.answer.quantity,
    fitted.answer.n,
    fitted.answer.families,
    fitted.answer.labelling,
    fitted.answer.middle_kld,
    fitted.answer.level,
    fitted.answer.exponent,
    fitted.answer.low,
    fitted.answer.high,
    fitted.answer.argued,
    fitted.answer.p,
    fitted.answer.p_adjusted,
    fitted.answer.verdict,
    fitted.answer.reason,
from fitted
