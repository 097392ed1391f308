with told_apart as (
    select
        cohort_id,
        scoring,
        list(struct_pack(
            quant_id, other_quant_id, is_apart := {{ resolves('p_adjusted') }}
        )) as pairs,
    from {{ ref('stat_pairs') }}
    where not other_is_reference
    group by cohort_id, scoring
),

lettered as (
    select
        composites.cohort_id,
        composites.scoring,
        group_letters(
            -- equal composites may differ in their last digits
            list(struct_pack(composites.quant_id, rank_by := round(composites.composite, 12))),
            any_value(told_apart.pairs)
        ) as found,
    from {{ ref('fct_composites') }} as composites
    left join told_apart using (cohort_id, scoring)
    group by composites.cohort_id, composites.scoring
),

quants as (
    select
        cohort_id,
        scoring,
        unnest(found) as answer,
    from lettered
)

select
    cohort_id,
    scoring,
    answer.quant_id,
    answer.letters,
from quants
