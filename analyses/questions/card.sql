-- What do a cohort's prompts resolve at all?
select
    kind,
    n,
    figure,
from stat_cards
where cohort_id = getvariable('cohort') and scoring = getvariable('scoring')
order by place
