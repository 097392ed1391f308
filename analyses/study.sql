-- What does the cohort show, finding by finding, and what could be resolved?
-- low and high are a 95 % interval, never a range over quants. verdict is a code; says is its
-- sentence in the seed verdicts, with the finding's own figures in the place of {names}. The zone is
-- the default one; mean KLD is that of the first text.
select
    findings.cohort_id,
    findings.finding,
    findings.n,
    findings.figure,
    findings.low,
    findings.high,
    findings.verdict,
    list_reduce(
        coalesce(map_keys(findings.facts), []),
        lambda said, name: replace(said, '{' || name || '}', findings.facts[name]),
        verdicts.sentence
    ) as says,
from findings
left join verdicts on findings.statistic = verdicts.statistic and findings.verdict = verdicts.code
order by findings.cohort_id, findings.place, findings.finding
