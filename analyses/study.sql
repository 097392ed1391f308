-- What does the cohort show, finding by finding, and what could be resolved?
-- low and high are a 95 % interval, never a range over quants; of a rho: what other prompts and
-- chunks would give these very quants. verdict is a code, says its sentence in the seed verdicts,
-- with the figures of the finding in place of {names}. The zone is the default one; mean KLD is
-- that of the first text.
with told as (
    select
        findings.cohort_id,
        findings.place,
        findings.finding,
        findings.n,
        findings.figure,
        findings.low,
        findings.high,
        findings.verdict,
        findings.facts,
        verdicts.sentence,
    from findings
    left join verdicts
        on findings.statistic = verdicts.statistic and findings.verdict = verdicts.code
)

select
    cohort_id,
    finding,
    n,
    figure,
    low,
    high,
    verdict,
    array_to_string(
        list_transform(
            string_split(sentence, '{'),
            lambda part: case
                when part not like '%}%' then part
                else coalesce(facts[split_part(part, '}', 1)], 'unknown')
                    || split_part(part, '}', 2)
            end
        ),
        ''
    ) as says,
from told
order by cohort_id, place, finding
