-- a benchmark that the seed does not name weighs 1
select
    runs.benchmark_id,
    coalesce(any_value(weights.weight), 1.0)::double as weight,
from {{ ref('stg_runs') }} as runs
left join {{ ref('benchmark_weights') }} as weights using (benchmark_id)
where runs.benchmark_id is not null
group by all
