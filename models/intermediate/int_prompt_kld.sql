{{ config(
    materialized='incremental',
    unique_key='run_id',
    incremental_strategy='delete+insert',
    pre_hook='{{ forget_vanished_runs() }}'
) }}

select
    tokens.run_id,
    prompts.prompt_id,
    {{ var('kld_clip') }}::double as kld_clip,
    count(*) as tokens,
    any_value(prompts.prompt_tokens) as prompt_tokens,
    avg(tokens.entropy_ref::double) as entropy_ref_mean,
    avg(tokens.kld::double) as kld_mean,
    exp(avg(ln(greatest(tokens.kld::double, {{ var('kld_clip') }})))) as kld_gmean,
    sum(tokens.kld::double) as kld_sum,
    max(tokens.kld)::double as kld_max,
    quantile_cont(tokens.kld::double, 0.95) as kld_p95,
    count(*) filter (where tokens.kld < {{ var('kld_clip') }}) as clipped,
    min(tokens.position - prompts.prompt_tokens)
    filter (where not tokens.top1_agree) as first_token_flip,
from {{ ref('int_tokens') }} as tokens
inner join {{ ref('stg_runs') }} as runs
    on tokens.run_id = runs.run_id
inner join {{ ref('stg_prompts') }} as prompts
    on runs.reference_run_id = prompts.run_id
    and tokens.chunk = prompts.prompt_index
where tokens.run_id in {{ new_runs("role = 'quant' and task = 'benchmark'", ['kld_clip']) }}
    and tokens.is_finite
group by all
