-- Each token row that a manifest promises is read, once, and meets exactly one row of its
-- reference's run. The counts were made when the run was new, so that this costs nothing per token.
with counted as (
    select
        run_id,
        sum(n + nonfinite) as token_rows,
        sum(positions) as positions,
    from {{ ref('int_run_chunks') }}
    group by run_id
)

select
    runs.run_id,
    runs.token_rows as promised,
    counted.token_rows as met,
    counted.positions,
from {{ ref('stg_runs') }} as runs
left join counted using (run_id)
where
    runs.role = 'quant'
    and runs.task <> 'answers'  -- whose rows are of answers, as these of choices
    and runs.scored_span is distinct from 'choices'
    and (
        runs.token_rows is distinct from coalesce(counted.token_rows, 0)
        or counted.positions is distinct from counted.token_rows
    )
