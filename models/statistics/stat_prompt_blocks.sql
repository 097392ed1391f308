with prompts as (
    select cohort_id, benchmark_id, prompt_id, any_value(benchmark_id || '/' || category) as kind, any_value(prompt_tokens) as prompt_tokens, any_value(entropy_ref_mean) as entropy_ref_mean,
    from {{ ref('fct_prompts') }}
    where kld_mean is not null
    group by all
),

columns as (
    select
        cohort_id,
        list(kind order by benchmark_id, prompt_id) as kinds,
        list(prompt_tokens::double order by benchmark_id, prompt_id) as prompt_tokens,
        list(entropy_ref_mean order by benchmark_id, prompt_id) as entropies,
    from prompts
    group by cohort_id
),

quants as (
    select
        prompts.cohort_id,
        quants.quant_id,
        list(facts.kld_mean order by prompts.benchmark_id, prompts.prompt_id) as klds,
        list((facts.score < 0.5)::double order by prompts.benchmark_id, prompts.prompt_id) as failed,
    from prompts
    inner join (select distinct cohort_id, quant_id, from {{ ref('fct_prompts') }} where kld_mean is not null) as quants using (cohort_id)
    left join {{ ref('fct_prompts') }} as facts
        on prompts.cohort_id = facts.cohort_id and quants.quant_id = facts.quant_id and prompts.benchmark_id = facts.benchmark_id and prompts.prompt_id = facts.prompt_id
    group by all
)

select
    quants.cohort_id,
    list(quants.quant_id order by quants.quant_id) as quants,
    list(quants.klds order by quants.quant_id) as klds,
    list(quants.failed order by quants.quant_id) as failed,
    any_value(columns.kinds) as kinds,
    any_value(columns.prompt_tokens) as prompt_tokens,
    any_value(columns.entropies) as entropies,
from quants
inner join columns using (cohort_id)
group by quants.cohort_id
