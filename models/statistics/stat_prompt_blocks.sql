with prompts as (
    select
        cohort_id,
        benchmark_id,
        prompt_id,
        any_value(benchmark_id || '/' || category) as kind,
        any_value(benchmark_id || '/' || text_id) as text_of_benchmark,
        any_value(prompt_tokens) as prompt_tokens,
        any_value(entropy_ref_mean) as entropy_ref_mean,
    from {{ ref('fct_prompts') }}
    where kld_mean is not null
    group by all
),

columns as (
    select
        cohort_id,
        list(kind order by benchmark_id, prompt_id) as kinds,
        list(text_of_benchmark order by benchmark_id, prompt_id) as texts,
        list(prompt_tokens::double order by benchmark_id, prompt_id) as prompt_tokens,
        list(entropy_ref_mean order by benchmark_id, prompt_id) as entropies,
    from prompts
    group by cohort_id
),

names as (
    select distinct
        cohort_id,
        quant_id,
    from {{ ref('fct_prompts') }}
    where kld_mean is not null
),

-- one row per quant: its figures on all prompts, null where it did not answer
figures as (
    select
        prompts.cohort_id,
        names.quant_id,
        list(answers.kld_mean order by prompts.benchmark_id, prompts.prompt_id) as klds,
        list(
            (not {{ passed('answers.score') }})::double
            order by prompts.benchmark_id, prompts.prompt_id
        ) as failed,
    from prompts
    inner join names using (cohort_id)
    left join {{ ref('fct_prompts') }} as answers
        using (cohort_id, quant_id, benchmark_id, prompt_id)
    group by all
)

select
    figures.cohort_id,
    list(figures.quant_id order by figures.quant_id) as quants,
    list(figures.klds order by figures.quant_id) as klds,
    list(figures.failed order by figures.quant_id) as failed,
    any_value(columns.kinds) as kinds,
    any_value(columns.texts) as texts,
    any_value(columns.prompt_tokens) as prompt_tokens,
    any_value(columns.entropies) as entropies,
from figures
inner join columns using (cohort_id)
group by figures.cohort_id
