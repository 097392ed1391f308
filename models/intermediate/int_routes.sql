-- an import that names no reference's run was scored by its own tool against it
select
    runs.run_id,
    {{ route('runs.engine', 'reference.engine') }} as route,
from {{ ref('stg_runs') }} as runs
left join {{ ref('stg_runs') }} as reference
    on runs.reference_run_id = reference.run_id
