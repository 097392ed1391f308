-- What does a cohort hold that two of its models can be compared by?
select
    exists (
        select 1, from fct_prompts
        where cohort_id = getvariable('cohort')
    ) as answers,
    exists (
        select 1, from stat_text_groups
        where cohort_id = getvariable('cohort') and is_primary
    ) as texts,
    exists (
        select 1, from fct_scores
        where cohort_id = getvariable('cohort')
    ) as scores,
