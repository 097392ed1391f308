-- an import that names no reference's run was scored by its own tool against it
with runs as materialized (
    select
        run_id,
        reference_run_id,
        engine,
    from {{ ref('stg_runs') }}
)

select
    runs.run_id,
    {{ route('runs.engine', 'reference.engine') }} as route,
from runs
left join runs as reference
    on runs.reference_run_id = reference.run_id
