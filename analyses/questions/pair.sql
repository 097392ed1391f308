-- The second of two models against the first, among all pairs of quants or with the reference.
with built as (
    select * exclude (cohort_id, scoring),
    from stat_pairs
    where cohort_id = getvariable('cohort')
        and scoring = getvariable('scoring')
        and margin = getvariable('margin')
),

-- at another margin: all pairs anew
live as (
    select
        unnest(score_pairs(
            list(struct_pack(
                quant_id, benchmark_id, prompt_id, text_id, weight, score, score_ref
            )),
            {
                'n_tosses': getvariable('n_tosses'),
                'seed': getvariable('seed'),
                'margin': getvariable('margin')
            }
        )) as answer,
    from fct_prompts
    where cohort_id = getvariable('cohort')
        and scoring = getvariable('scoring')
        and not exists (from built)
),

unnested as (
    select answer.*,
    from live
),

pairs as (
    from built
    union all by name
    select
        unnested.*
        replace (coalesce(unnested.other_quant_id, cohorts.reference_id) as other_quant_id),
        unnested.other_quant_id is null as other_is_reference,
    from unnested
    inner join dim_cohorts as cohorts on cohorts.cohort_id = getvariable('cohort')
),

counted as (
    select
        *,
        count(*) over (partition by other_is_reference) as pairs,
        if(quant_id = getvariable('first'), 1, -1) as side,
    from pairs
)

select
    pairs,
    prompts,
    volume,
    side * difference as difference,
    if(side = 1, low, -high) as low,
    if(side = 1, high, -low) as high,
    p,
    p_adjusted,
    p_equivalent,
    p_equivalent_adjusted,
    margin,
    resolvable,
    resolvable_alone,
    prompts_needed,
    prompts_needed_alone,
    case
        when side = 1 then verdict
        when verdict = 'other_higher' then 'other_lower'
        when verdict = 'other_lower' then 'other_higher'
        else verdict
    end as verdict,
    case
        when side = 1 then verdict_alone
        when verdict_alone = 'other_higher' then 'other_lower'
        when verdict_alone = 'other_lower' then 'other_higher'
        else verdict_alone
    end as verdict_alone,
from counted
where (quant_id = getvariable('first') and other_quant_id = getvariable('second'))
    or (quant_id = getvariable('second') and other_quant_id = getvariable('first'))
