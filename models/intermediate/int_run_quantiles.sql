{{ config(
    materialized='incremental',
    unique_key='run_id',
    incremental_strategy='delete+insert',
    pre_hook='{{ forget_vanished_runs() }}'
) }}

with tokens as (
    select
        run_id,
        kld::double as kld,
        is_finite,
        is_censored,
    from {{ ref('int_tokens') }}
    where run_id in {{ new_runs("role = 'quant' and task = 'corpus'", ['tail_share']) }}
),

quantiles as (
    select
        run_id,
        quantile_cont(kld, [0.5, 0.9, 0.95, 0.99, 0.999, {{ var('tail_share') }}])
        filter (where is_finite) as q,
        max(kld) filter (where is_finite) as kld_max,
        count(*) filter (where is_finite) as n,
        count(*) filter (where not is_finite) as nonfinite,
        count(*) filter (where is_finite and is_censored) as censored,
    from tokens
    group by run_id
)

select
    run_id,
    {{ var('tail_share') }}::double as tail_share,
    quantiles.n,
    quantiles.nonfinite,
    quantiles.censored,
    quantiles.q[1] as kld_median,
    quantiles.q[2] as kld_p90,
    quantiles.q[3] as kld_p95,
    quantiles.q[4] as kld_p99,
    quantiles.q[5] as kld_p999,
    quantiles.kld_max,
    avg(tokens.kld)
    filter (where tokens.is_finite and tokens.kld >= quantiles.q[6]) as kld_cvar99,
from quantiles
inner join tokens using (run_id)
group by all
