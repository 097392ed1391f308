-- What does the cohort show, finding by finding, and what could be resolved?
-- low and high are a 95 % interval, never a range over quants; of a rho: what other prompts and
-- chunks would give these very quants. verdict is a code, says its sentence in the seed verdicts,
-- with the figures of the finding in place of {names}: {n:quant} is 1 quant or 3 quants, {n:is|are}
-- the word for so many. The zone is the default one; mean KLD is that of the first text. scoring:
-- what a score is (dim_scorings); what tells how much scores say is told by each, side by side.
with told as (
    select
        findings.cohort_id,
        findings.scoring,
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
    scoring,
    n,
    figure,
    low,
    high,
    verdict,
    split_part(sentence, '{', 1) || array_to_string(
        list_transform(
            list_transform(
                string_split(sentence, '{')[2:],
                lambda part: {
                    'fact': coalesce(
                        facts[split_part(split_part(part, '}', 1), ':', 1)], 'unknown'
                    ),
                    'noun': split_part(split_part(part, '}', 1), ':', 2),
                    'text': split_part(part, '}', 2)
                }
            ),
            lambda said: case
                when contains(said.noun, '|')
                then split_part(said.noun, '|', if(said.fact = '1', 1, 2))
                when said.noun = '' then said.fact
                when said.fact = '1' then said.fact || ' ' || said.noun
                else said.fact || ' ' || regexp_replace(said.noun || 's', 'ys$', 'ies')
            end || said.text
        ),
        ''
    ) as says,
from told
order by cohort_id, place, finding, scoring
