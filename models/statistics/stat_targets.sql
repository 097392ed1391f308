-- with one benchmark its score and direction are the composite's
with by_benchmark as (
    select
        disagreements.cohort_id,
        disagreements.quant_id,
        disagreements.scoring,
        side.name || ':' || disagreements.benchmark_id as target,
        if(side.name = 'score', disagreements.score, disagreements.direction) as figure,
    from {{ ref('fct_disagreements') }} as disagreements
    inner join {{ ref('fct_composites') }} as composites using (cohort_id, quant_id, scoring)
    cross join (values ('score'), ('direction')) as side (name)
    where composites.benchmarks > 1
),

targets as (
    select
        cohort_id,
        quant_id,
        scoring,
        target,
        figure,
    from (
        unpivot {{ ref('fct_composites') }}
        on composite, volume, direction into name target value figure
    )
    union all by name
    from by_benchmark
)

select
    cohort_id,
    scoring,
    quant_id,
    target,
    round(figure, 12) as figure,  -- equal scores shall stay ties
from targets
