{{ config(
    materialized='incremental',
    unique_key='run_id',
    incremental_strategy='delete+insert',
    pre_hook='{{ forget_vanished_runs() }}'
) }}

with tokens as (
    select
        run_id,
        coalesce(kld_llamacpp, kld) as kld,
        coalesce(nll, nll_at_least)::double as nll,
        coalesce(nll_ref, nll_ref_at_least)::double as nll_ref,
        -- single precision, as llama-perplexity keeps them
        exp(-coalesce(nll, nll_at_least)::double)::float
        - exp(-coalesce(nll_ref, nll_ref_at_least)::double)::float as delta_p,
        top1_agree::integer as same_top,
    from {{ ref('int_tokens') }}
    where run_id in {{ new_runs("role = 'quant' and task = 'corpus'") }}
        and is_finite
        and kld is not null
),

-- llama-perplexity's sampling error of a mean: every token counts as independent
sums as (
    select
        run_id,
        count(*) as n,
        avg(nll) as nll,
        avg(nll_ref) as nll_ref,
        avg(kld::double) as kld,
        avg(delta_p::double) as delta_p,
        avg(delta_p::double ** 2) as delta_p_squared,
        avg(same_top) as same_top,
        sqrt(var_pop(nll) / (count(*) - 1)) as nll_error,
        sqrt(var_pop(nll_ref) / (count(*) - 1)) as nll_ref_error,
        covar_pop(nll, nll_ref) / (count(*) - 1) as covariance,
        sqrt(var_pop(kld::double) / (count(*) - 1)) as kld_error,
        sqrt(var_pop(delta_p::double) / (count(*) - 1)) as delta_p_error,
        sqrt(var_pop(delta_p::double ** 2) / (count(*) - 1)) as delta_p_squared_error,
        list_sort(list(kld)) as kld_sorted,
        list_sort(list(delta_p)) as delta_p_sorted,
    from tokens
    group by run_id
    having count(*) > 1
),

-- one row: the percentiles that any line prints
printed as (
    select list(distinct fraction order by fraction desc) as fractions,
    from {{ ref('llama_lines') }}
    where fraction is not null
)

select
    sums.run_id,
    sums.n,
    sums.nll,
    sums.nll_ref,
    sums.kld,
    sums.delta_p,
    sums.same_top,
    sums.nll_error,
    sums.nll_ref_error,
    sums.kld_error,
    sums.delta_p_error,
    sums.covariance / nullif(sums.nll_error * sums.nll_ref_error, 0) as correlation,
    sqrt(greatest(
        sums.nll_error ** 2 + sums.nll_ref_error ** 2 - 2 * sums.covariance, 0
    )) as ln_ratio_error,
    sqrt(greatest(
        (exp(sums.nll) * sums.nll_error) ** 2
        + (exp(sums.nll_ref) * sums.nll_ref_error) ** 2
        - 2 * exp(sums.nll + sums.nll_ref) * sums.covariance,
        0
    )) as difference_error,
    sqrt(sums.delta_p_squared) as delta_p_rms,
    0.5 * sums.delta_p_squared_error
    / nullif(sqrt(sums.delta_p_squared), 0) as delta_p_rms_error,
    sqrt(sums.same_top * (1 - sums.same_top) / (sums.n - 1)) as same_top_error,
    {% for name in ['kld', 'delta_p'] -%}
        map_from_entries(list_transform(
            printed.fractions,
            lambda fraction: (fraction, {{ percentile('sums.' ~ name ~ '_sorted', 'fraction') }})
        )) as {{ name }}_percentiles,
    {% endfor %}
from sums
cross join printed
