-- qwh's own runs name their reference; an imported one meets the reference's current run of the
-- same task, benchmark and facts.
select
    quants.run_id,
    reference.run_id as reference_run_id,
from {{ ref('int_current_runs') }} as quants
inner join {{ ref('stg_runs') }} as reference
    on quants.cohort_id = reference.cohort_id
    and quants.task = reference.task
    and quants.benchmark_id = reference.benchmark_id
    and quants.harness = reference.harness
    and reference.role = 'reference'
left join {{ ref('int_current_runs') }} as current_runs
    on reference.run_id = current_runs.run_id
where quants.role = 'quant'
    and case
        when quants.reference_run_id is null then current_runs.run_id is not null
        else quants.reference_run_id = reference.run_id
    end
