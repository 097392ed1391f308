-- By which scores can the quants of a cohort be compared with the reference?
select
    scoring,
    margin,
    is_default,
from dim_scorings
where cohort_id = getvariable('cohort') and prompts > 0
order by scoring
