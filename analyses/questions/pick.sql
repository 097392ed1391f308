-- The quants whose files are no larger than asked: which are shown to lose less than the margin?
with allowed as (
    select *,
    from stat_front
    where cohort_id = getvariable('cohort') and bytes <= getvariable('most')
),

built as (
    select * exclude (cohort_id),
    from stat_candidates
    where cohort_id = getvariable('cohort')
        and margin = getvariable('margin')
        and getvariable('most') = 'infinity'::double
),

-- among other quants, or at another margin: all of them anew
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
        and quant_id in (select allowed.quant_id, from allowed)
        and not exists (from built)
),

losses as (
    from built
    union all by name
    select answer.*,
    from live
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
        count(*) over () as quants,
        -- a loss that --margin allows is no damage
        if(
            composites.verdict = 'damaged' and getvariable('margin') <= composites.margin,
            'all benchmarks together', allowed.damaged_benchmarks
        ) as damaged,
        losses.verdict,
        losses.verdict = 'not_inferior' and damaged is null as is_candidate,
    from allowed
    inner join losses using (quant_id)
    inner join stat_composites as composites using (quant_id)
    where composites.cohort_id = getvariable('cohort')
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
    damaged,
    is_candidate
    and row_number() over (
        order by is_candidate desc, bytes asc, composite desc, quant_id asc
    ) = 1 as picked,
    difference,
    margin,
    prompts,
    prompts_needed,
    quants,
from judged
order by bytes asc, composite desc, quant_id asc
