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
    from {{ ref('findings') }}
    left join {{ ref('verdicts') }}
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
                then split_part(said.noun, '|', case said.fact when '1' then 1 else 2 end)
                when said.noun = '' then said.fact
                when said.fact = '1' then said.fact || ' ' || said.noun
                else said.fact || ' ' || regexp_replace(said.noun || 's', 'ys$', 'ies')
            end || said.text
        ),
        ''
    ) as says,
from told
order by cohort_id, place, finding, scoring
