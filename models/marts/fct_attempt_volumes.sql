with attempts as (
    select
        run_id,
        benchmark_id,
        prompt_id,
        attempt,
        score,
    from {{ ref('stg_samples') }}
),

pairs as (
    select
        run_id,
        reference_run_id,
    from {{ ref('int_benchmark_pairs') }}
),

-- over every attempt of the quant with every attempt of the reference
volumes as (
    select
        pairs.run_id,
        pairs.reference_run_id,
        quants.benchmark_id,
        quants.prompt_id,
        avg(abs(quants.score - reference.score) order by abs(quants.score - reference.score))
            as volume,
    from pairs
    inner join attempts as quants
        on pairs.run_id = quants.run_id
    inner join attempts as reference
        on pairs.reference_run_id = reference.run_id
        and quants.prompt_id = reference.prompt_id
    group by all
),

-- over every two attempts of the reference
floors as (
    select
        one.run_id as reference_run_id,
        one.prompt_id,
        avg(abs(one.score - other.score) order by abs(one.score - other.score)) as volume,
    from attempts as one
    inner join attempts as other
        on one.run_id = other.run_id
        and one.prompt_id = other.prompt_id
        and one.attempt < other.attempt
    where one.run_id in (select pairs.reference_run_id, from pairs)
    group by all
)

select
    runs.cohort_id,
    runs.quant_id,
    volumes.benchmark_id,
    volumes.prompt_id,
    prompts.text_id,
    volumes.volume,
    floors.volume as volume_ref,
    volumes.run_id,
from volumes
inner join {{ ref('int_current_runs') }} as runs using (run_id)
left join {{ ref('stg_prompts') }} as prompts
    on volumes.reference_run_id = prompts.run_id
    and volumes.prompt_id = prompts.prompt_id
left join floors
    on volumes.reference_run_id = floors.reference_run_id
    and volumes.prompt_id = floors.prompt_id
