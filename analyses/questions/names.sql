-- Which models of a cohort can be compared: those with answers, else those of its first text.
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

read_alone as (
    select distinct
        quant_id,
        'figures of a text' as what,
    from stat_text_groups
    where cohort_id = getvariable('cohort') and is_primary and not exists (from answered)
)

from answered
union all
from read_alone
order by quant_id
