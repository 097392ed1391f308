-- The second of two models against the first, benchmark by benchmark.
with scores as (
    select
        quant_id,
        benchmark_id,
        prompt_id,
        text_id,
        weight,
        score,
    from fct_prompts
    where cohort_id = getvariable('cohort') and scoring = getvariable('scoring')
    union all
    select distinct
        cohorts.reference_id as quant_id,
        prompts.benchmark_id,
        prompts.prompt_id,
        prompts.text_id,
        prompts.weight,
        prompts.score_ref as score,
    from fct_prompts as prompts
    inner join dim_cohorts as cohorts using (cohort_id)
    where cohort_id = getvariable('cohort') and prompts.scoring = getvariable('scoring')
),

both_answered as (
    select
        seconds.quant_id,
        benchmark_id,
        prompt_id,
        seconds.text_id,
        seconds.weight,
        seconds.score,
        firsts.score as score_ref,
    from scores as seconds
    inner join scores as firsts using (benchmark_id, prompt_id)
    where seconds.quant_id = getvariable('second') and firsts.quant_id = getvariable('first')
),

duels as (
    select
        unnest(duel(
            list(struct_pack(
                quant_id, benchmark_id, prompt_id, text_id, weight, score, score_ref
            )),
            {
                'n_tosses': getvariable('n_tosses'),
                'seed': getvariable('seed'),
                'margin': getvariable('margin')
            }
        )) as answer,
    from both_answered
)

select answer.*,
from duels
order by answer.benchmark_id
