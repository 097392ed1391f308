-- Which models of a cohort can be compared, and by what: answers, its first text, or both.
with answered as (
    select
        quant_id,
        'answers' as what,
    from fct_prompts
    where cohort_id = getvariable('cohort')
    union
    select
        cohorts.reference_id as quant_id,
        'answers' as what,
    from dim_cohorts as cohorts
    where cohorts.cohort_id = getvariable('cohort')
        and cohorts.cohort_id in (select prompts.cohort_id, from fct_prompts as prompts)
),

have_read as (
    select distinct
        quant_id,
        'figures of a text' as what,
    from stat_text_groups
    where cohort_id = getvariable('cohort') and is_primary
)

from answered
union all
from have_read
order by quant_id
