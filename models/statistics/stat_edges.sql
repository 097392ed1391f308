with zones as (
    select
        members.cohort_id,
        list(struct_pack(
            zone_rule := members.zone_rule,
            threshold := members.threshold,
            quant_id := members.quant_id,
            kld := members.kld_mean,
            error := composites.standard_error
        )) as quants,
    from {{ ref('fct_zone_members') }} as members
    inner join {{ ref('fct_composites') }} as composites using (cohort_id, quant_id)
    where members.zone_rule = 'full'
    group by members.cohort_id
),

answered as (
    select
        cohort_id,
        list(struct_pack(
            quant_id, benchmark_id, prompt_id, text_id, weight, score, score_ref
        )) as answers,
    from {{ ref('fct_prompts') }}
    group by cohort_id
),

labelled as (
    select
        cohort_id,
        list(struct_pack(labelling, quant_id, family_id)) as families,
    from {{ ref('dim_families') }}
    group by cohort_id
),

compared as (
    select
        zones.cohort_id,
        unnest(zone_edges(
            zones.quants, answered.answers, labelled.families,
            {{ settings('wreck_kld', 'n_tosses', 'seed') }}
        )) as answer,
    from zones
    left join answered using (cohort_id)
    left join labelled using (cohort_id)
)

select
    cohort_id,
    answer.labelling,
    answer.edge,
    answer.n,
    answer.rho,
    answer.expected,
    answer.expected_low,
    answer.expected_high,
from compared
