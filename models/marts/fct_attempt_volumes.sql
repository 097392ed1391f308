with attempts as (
    select run_id, benchmark_id, prompt_id, attempt, score,
    from {{ ref('stg_samples') }}
),

volumes as (
    select pairs.run_id, pairs.reference_run_id, quants.benchmark_id, quants.prompt_id, avg(abs(quants.score - reference.score)) as volume,
    from {{ ref('int_benchmark_pairs') }} as pairs
    inner join attempts as quants on pairs.run_id = quants.run_id
    inner join attempts as reference on pairs.reference_run_id = reference.run_id and quants.prompt_id = reference.prompt_id
    group by all
),

floors as (
    select first.run_id as reference_run_id, first.prompt_id, avg(abs(first.score - second.score)) as volume,
    from attempts as first
    inner join attempts as second on first.run_id = second.run_id and first.prompt_id = second.prompt_id and first.attempt < second.attempt
    where first.run_id in (select reference_run_id from {{ ref('int_benchmark_pairs') }})
    group by all
)

select
    runs.cohort_id,
    runs.quant_id,
    volumes.benchmark_id,
    volumes.prompt_id,
    volumes.volume,
    floors.volume as volume_ref,
    volumes.run_id,
from volumes
inner join {{ ref('int_current_runs') }} as runs using (run_id)
left join floors on volumes.reference_run_id = floors.reference_run_id and volumes.prompt_id = floors.prompt_id
