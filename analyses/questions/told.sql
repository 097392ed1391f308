-- What of a cohort's findings is told first: of its first text, then of its answers.
select
    findings.finding,
    findings.statistic,
    findings.verdict,
    findings.facts,
from findings
left join dim_scorings as scorings
    on scorings.cohort_id = getvariable('cohort')
    and findings.scoring = scorings.scoring
where findings.cohort_id = getvariable('cohort')
    and round(findings.place, 2) in (2.4, 2.5, 2.6, 2.7, 1.5, 5)
    and coalesce(scorings.is_default, true)
order by findings.scoring is not null, findings.place
