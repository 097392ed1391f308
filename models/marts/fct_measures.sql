with answers as (
    select
        measure,
        orientation,
        unnest(answers) as answer,
    from {{ measured() }}
)

select
    measures.measure,
    answers.answer.cohort_id,
    answers.answer.quant_id,
    answers.answer.value,
    answers.answer.value * answers.orientation as value_oriented,
from answers
inner join {{ ref('dim_measures') }} as measures using (measure)
