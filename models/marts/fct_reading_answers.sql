{% set samples = if_read_twice('stg_samples', {
    'run_id': 'varchar', 'prompt_id': 'varchar', 'attempt': 'integer', 'answer': 'varchar',
    'score': 'double',
}) -%}
-- every attempt at a prompt that both readings have; a repeat also beside the reference
with answers as (
    select
        runs.run_id,
        seconds.prompt_id,
        firsts.answer as answer_first,
        seconds.answer as answer_second,
        firsts.score as score_first,
        seconds.score as score_second,
        if(runs.role = 'repeat', reference.score, null) as score_ref,
    from {{ ref('int_second_readings') }} as runs
    inner join {{ samples }} as seconds
        on runs.run_id = seconds.run_id
    inner join {{ samples }} as firsts
        on runs.first_run_id = firsts.run_id
        and seconds.prompt_id = firsts.prompt_id
        and seconds.attempt = firsts.attempt
    left join {{ samples }} as reference
        on runs.reference_run_id = reference.run_id
        and seconds.prompt_id = reference.prompt_id
        and seconds.attempt = reference.attempt
    where runs.task = 'benchmark'
),

counts as (
    select
        run_id,
        count(distinct prompt_id) as prompts,
        count(*) as answers,
        count(*) filter (where answer_first is distinct from answer_second) as other_answers,
        count(*) filter (where score_first > score_second) as first_higher,
        count(*) filter (where score_first < score_second) as second_higher,
        count(*) filter (where score_first <> score_ref) as flips_first,
        count(*) filter (where score_second <> score_ref) as flips_second,
        count(*) filter (
            where sign(score_first - score_ref) * sign(score_second - score_ref) > 0
        ) as flips_repeated,
        count(score_ref) as answers_ref,
    from answers
    group by run_id
)

select
    runs.cohort_id,
    runs.role,
    runs.quant_id,
    runs.benchmark_id,
    runs.reading,
    counts.prompts,
    counts.answers,
    counts.other_answers,
    counts.first_higher + counts.second_higher as other_scores,
    counts.first_higher,
    counts.second_higher,
    if(counts.answers_ref > 0, counts.flips_first, null) as flips_first,
    if(counts.answers_ref > 0, counts.flips_second, null) as flips_second,
    if(counts.answers_ref > 0, counts.flips_repeated, null) as flips_repeated,
    runs.first_run_id,
    run_id,
from {{ ref('int_second_readings') }} as runs
inner join counts using (run_id)
