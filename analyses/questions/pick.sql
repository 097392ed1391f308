-- The quants whose files are no larger than asked: which are shown to lose less than the margin,
-- all of the cohort judged together?
with allowed as (
    select *,
    from stat_front
    where cohort_id = getvariable('cohort')
        and scoring = getvariable('scoring')
        and bytes <= getvariable('most')
),

built as (
    select * exclude (cohort_id, scoring),
    from stat_candidates
    where cohort_id = getvariable('cohort')
        and scoring = getvariable('scoring')
        and margin = getvariable('margin')
),

-- at another margin: all of them anew
live as (
    select
        unnest(candidates(
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
        and quant_id in (
            select candidates.quant_id,
            from stat_candidates as candidates
            where candidates.cohort_id = getvariable('cohort')
                and candidates.scoring = getvariable('scoring')
        )
        and not exists (from built)
),

cohort_losses as (
    from built
    union all by name
    select answer.*,
    from live
),

losses as (
    select
        *,
        count(*) over () as quants,
    from cohort_losses
),

judged as (
    select
        quant_id,
        allowed.bytes,
        allowed.composite,
        allowed.volume,
        allowed.letters,
        allowed.on_front,
        losses.difference,
        losses.margin,
        losses.p_not_inferior_adjusted as p_adjusted,
        losses.loss_bound,
        losses.prompts,
        losses.prompts_needed,
        losses.quants,
        count(*) over () as allowed,
        nullif(concat_ws(
            ', ',
            if(composites.verdict = 'damaged', 'all benchmarks together', null),
            allowed.damaged_benchmarks
        ), '') as damaged_on,
        losses.verdict,
        losses.verdict = 'not_inferior'
        and allowed.damaged_benchmarks is null
        -- a loss that --margin allows bars nothing
        and (composites.verdict <> 'damaged' or getvariable('margin') > composites.margin)
            as is_candidate,
    from allowed
    inner join losses using (quant_id)
    inner join stat_composites as composites using (quant_id)
    where composites.cohort_id = getvariable('cohort')
        and composites.scoring = getvariable('scoring')
)

select
    quant_id,
    bytes,
    composite,
    volume,
    letters,
    on_front,
    loss_bound,
    p_adjusted,
    verdict,
    damaged_on,
    is_candidate
    and row_number() over (
        order by is_candidate desc, bytes asc, composite desc, quant_id asc
    ) = 1 as picked,
    difference,
    margin,
    prompts,
    prompts_needed,
    quants,
    allowed,
from judged
order by bytes asc, composite desc, quant_id asc
