{# What a token contributes to a run's means: name -> expression over int_tokens. #}
{% macro quantities() %}
    {{ return({
        'kld': 'kld',
        'ln_kld': 'case when kld is not null then ln(greatest(kld, ' ~ var('kld_clip') ~ ')) end',
        'kld_reverse': 'kld_reverse',
        'jsd': 'jsd',
        'tv': 'tv',
        'nll': 'coalesce(nll, nll_at_least)',
        'nll_ref': 'coalesce(nll_ref, nll_ref_at_least)',
        'delta_loss': 'delta_loss',
        'token_direction': 'token_direction',
        'delta_p': 'delta_p',
        'delta_p_squared': 'delta_p * delta_p',
        'top1_agree': 'top1_agree::integer',
    }) }}
{% endmacro %}

{# The bucket of a KLD, so many to an e-fold: chunks' histograms add up, and with 20 a resampled
   quantile is off by 2.5 % at most. #}
{% macro kld_bucket(kld) -%}
    floor({{ var('kld_buckets_per_efold') }} * ln(greatest({{ kld }}, 1e-12)))::integer
{%- endmacro %}
