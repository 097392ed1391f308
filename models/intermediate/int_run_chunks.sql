{{ config(
    materialized='incremental',
    unique_key='run_id',
    incremental_strategy='delete+insert',
    pre_hook='{{ forget_vanished_runs() }}'
) }}

with tokens as (
    select
        *,
        -- what no pair of distributions can have; prompt log-probs come without a KLD
        coalesce(estimator <> 'prompt-logprobs', true) and not coalesce(
            kld >= 0
            and coalesce(kld_reverse, 0) >= 0
            and coalesce(jsd, 0) between 0 and 0.6931473
            and coalesce(tv, 0) between 0 and 1.000001,
            false
        ) as is_impossible,
    from {{ ref('int_tokens') }}
    where run_id in {{ new_runs("role = 'quant'", ['kld_clip', 'kld_buckets_per_efold']) }}
)

select
    run_id,
    chunk,
    {{ var('kld_clip') }}::double as kld_clip,
    {{ var('kld_buckets_per_efold') }}::integer as kld_buckets_per_efold,
    count(*) filter (where is_finite) as n,
    count(*) filter (where not is_finite) as nonfinite,
    count(distinct position) as positions,
    count(*) filter (where is_finite and is_impossible) as impossible,
    count(*) filter (where is_finite and kld < {{ var('kld_clip') }}) as clipped,
    count(*) filter (where is_finite and is_censored) as censored,
    count(*) filter (where is_finite and token_flip = 'benefit') as benefits,
    count(*) filter (where is_finite and token_flip = 'harm') as harms,
    count(*) filter (where is_finite and token_flip = 'neutral') as neutrals,
    histogram({{ kld_bucket('kld') }})
    filter (where is_finite and kld is not null) as kld_histogram,
    {% for name, expression in quantities().items() -%}
        count({{ expression }}) filter (where is_finite) as n_{{ name }},
    {% endfor %}
    {% for name, expression in quantities().items() -%}
        sum(({{ expression }})::double) filter (where is_finite) as sum_{{ name }},
    {% endfor %}
    {% for name, expression in quantities().items() -%}
        sum(({{ expression }})::double ** 2) filter (where is_finite) as sum_squares_{{ name }},
    {% endfor %}
from tokens
group by all
