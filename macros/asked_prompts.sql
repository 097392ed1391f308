{# A cohort's prompts as the list of rows in which the statistics of prompt failure take them. #}
{% macro asked_prompts() -%}
    list(struct_pack(
        quant_id,
        prompt_id := benchmark_id || '/' || prompt_id,
        kind_of_task := benchmark_id || '/' || category,
        text_id := benchmark_id || '/' || text_id,
        kld := kld_mean,
        score,
        score_ref,
        prompt_tokens := prompt_tokens::double,
        entropy := entropy_ref_mean
    ))
{%- endmacro %}
