-- prompts that a quant of one name has answered in several cohorts: those of several models
with shared as (
    select
        quant_id,
        benchmark_id,
        harness,
        prompt_id,
        any_value(benchmark_id || '/' || category) as kind,
        any_value(benchmark_id || '/' || text_id) as text_of_benchmark,
    from {{ ref('fct_prompts') }}
    where kld_mean is not null
    group by all
    having count(*) > 1
),

cohorts as (
    select distinct
        cohort_id,
        quant_id,
    from {{ ref('fct_prompts') }}
    where kld_mean is not null
),

-- one row per such quant x cohort: its figures on them, null where it did not answer
models as (
    select
        shared.quant_id,
        cohorts.cohort_id,
        list(
            facts.kld_mean order by shared.benchmark_id, shared.harness, shared.prompt_id
        ) as klds,
        list(
            {{ passed('facts.score') }}::double
            order by shared.benchmark_id, shared.harness, shared.prompt_id
        ) as passed,
        list(shared.kind order by shared.benchmark_id, shared.harness, shared.prompt_id) as kinds,
        list(
            shared.text_of_benchmark order by shared.benchmark_id, shared.harness, shared.prompt_id
        ) as texts,
    from shared
    inner join cohorts using (quant_id)
    left join {{ ref('fct_prompts') }} as facts
        using (cohort_id, quant_id, benchmark_id, harness, prompt_id)
    group by all
),

-- who is routed between: the quants of a cohort, the models that have a quant of one name
blocks as (
    select
        list_transform(quants, lambda quant: cohort_id) as cohorts,
        quants,
        klds,
        list_transform(
            failed, lambda answers: list_transform(answers, lambda fact: 1 - fact)
        ) as passed,
        kinds,
        texts,
    from {{ ref('stat_prompt_blocks') }}
    union all by name
    select
        list(cohort_id order by cohort_id) as cohorts,
        list(quant_id order by cohort_id) as quants,
        list(klds order by cohort_id) as klds,
        list(passed order by cohort_id) as passed,
        any_value(kinds) as kinds,
        any_value(texts) as texts,
    from models
    group by quant_id
),

routed as (
    select
        cohorts,
        quants,
        unnest(routers(klds, passed, kinds, texts)) as answer,
    from blocks
)

select
    cohorts[answer.first + 1] as cohort_id,
    quants[answer.first + 1] as quant_id,
    cohorts[answer.second + 1] as other_cohort_id,
    quants[answer.second + 1] as other_quant_id,
    answer.disagreements,
    answer.first_right,
    answer.raw_ties,
    answer.raw_accuracy,
    answer.raw_low,
    answer.raw_high,
    answer.raw_p,
    answer.raw_better,
    answer.raw_gain,
    answer.raw_gain_low,
    answer.raw_gain_high,
    answer.ranked_ties,
    answer.ranked_accuracy,
    answer.ranked_low,
    answer.ranked_high,
    answer.ranked_p,
    answer.ranked_better,
    answer.ranked_gain,
    answer.ranked_gain_low,
    answer.ranked_gain_high,
    answer.within_ties,
    answer.within_accuracy,
    answer.within_low,
    answer.within_high,
    answer.within_p,
    answer.within_better,
    answer.within_gain,
    answer.within_gain_low,
    answer.within_gain_high,
    answer.reason,
from routed
