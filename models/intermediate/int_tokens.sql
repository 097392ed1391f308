{{ config(materialized='view') }}

select
    runs.run_id,
    runs.cohort_id,
    runs.quant_id,
    runs.task,
    runs.estimator,
    runs.corpus_id,
    runs.context_length,
    tokens.chunk,
    tokens.position,
    reference.token_id,
    reference.nll_ref,
    tokens.nll,
    -- a censored NLL counts with its bound
    coalesce(tokens.nll, tokens.nll_at_least)
    - coalesce(reference.nll_ref, reference.nll_ref_at_least) as delta_loss,
    exp(-coalesce(tokens.nll, tokens.nll_at_least))
    - exp(-coalesce(reference.nll_ref, reference.nll_ref_at_least)) as delta_p,
    tokens.kld,
    coalesce(tokens.nll, tokens.nll_at_least)::double
    - coalesce(reference.nll_ref, reference.nll_ref_at_least)
    - tokens.kld as token_direction,
    tokens.kld_reverse,
    tokens.jsd,
    tokens.tv,
    reference.entropy_ref,
    tokens.entropy,
    reference.top1_ref,
    tokens.top1,
    tokens.top1 = reference.top1_ref as top1_agree,
    case
        when tokens.top1 = reference.top1_ref then null
        when tokens.top1 = reference.token_id then 'benefit'
        when reference.top1_ref = reference.token_id then 'harm'
        else 'neutral'
    end as token_flip,
    reference.rank_ref,
    tokens.rank,
    reference.margin_ref,
    reference.topk_ids,
    reference.topk_logprobs_ref,
    tokens.topk_logprobs,
    tokens.is_finite and reference.is_finite_ref as is_finite,
    reference.nll_ref is null or tokens.nll is null as is_censored,
    reference.nll_ref_at_least,
    tokens.nll_at_least,
    reference.clipped_mass_ref,
    tokens.clipped_mass,
    tokens.kld_llamacpp,
from {{ ref('stg_runs') }} as runs
inner join {{ ref('stg_tokens') }} as tokens on runs.run_id = tokens.run_id
inner join {{ ref('stg_reference_tokens') }} as reference
    on runs.reference_run_id = reference.run_id
    and tokens.chunk = reference.chunk
    and tokens.position = reference.position
where not {{ is_second_reading('runs.role') }}
