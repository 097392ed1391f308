-- every score that there is, of a quant or of the reference
with scorings as (
    select
        cohort_id,
        scoring,
        split_part(scoring, '@', 1) as kind,
        nullif(split_part(scoring, '@', 2), '')::double as temperature,
    from {{ ref('fct_scores') }}
    group by all
),

-- quants and benchmarks that a scoring compares with the reference
compared as (
    select
        cohort_id,
        scoring,
        quant_id,
        benchmark_id,
        bool_or(scoring = 'answered') over (partition by cohort_id) as is_answered,
    from {{ ref('fct_disagreements') }}
),

-- those that a scoring has to have, to speak for its cohort: what was answered, if anything was
wanted as (
    select
        cohort_id,
        count(distinct row(quant_id, benchmark_id)) as pairs,
    from compared
    where scoring = 'answered' or not is_answered
    group by cohort_id
),

paired as (
    select
        compared.cohort_id,
        compared.scoring,
        count(*) filter (where answered.scoring is not null or not compared.is_answered) as shared,
    from compared
    left join compared as answered
        on compared.cohort_id = answered.cohort_id
        and compared.quant_id = answered.quant_id
        and compared.benchmark_id = answered.benchmark_id
        and answered.scoring = 'answered'
    group by all
),

prompts as (
    select
        cohort_id,
        scoring,
        count(distinct row(benchmark_id, prompt_id)) as prompts,
    from {{ ref('int_prompt_outcomes') }}
    group by all
),

judged as (
    select
        cohort_id,
        scoring,
        scorings.kind,
        scorings.temperature,
        coalesce(prompts.prompts, 0) as prompts,
        row_number() over (
            partition by cohort_id
            order by
                coalesce(
                    scoring = 'expected@0.3' and paired.shared = wanted.pairs, false
                ) desc,
                prompts.prompts is not null desc,
                scoring asc
        ) = 1 as is_default,
    from scorings
    left join paired using (cohort_id, scoring)
    left join prompts using (cohort_id, scoring)
    left join wanted using (cohort_id)
)

select
    cohort_id,
    scoring,
    kind,
    temperature,
    {{ margin_of('scoring') }} as margin,
    prompts,
    is_default,
    row_number() over (
        partition by cohort_id
        order by scoring = 'answered' and prompts > 0 desc, is_default desc
    ) = 1 as is_first,
from judged
