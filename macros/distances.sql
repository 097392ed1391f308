{# A cohort's points as the statistics of cells take them, each with whether it is a KLD. #}
{% macro distances() -%}
    select
        points.cohort_id,
        points.estimator,
        list(struct_pack(
            zone_rule := points.zone_rule,
            threshold := points.threshold,
            measurement_id := points.measurement_id,
            target := points.target,
            quant_id := points.quant_id,
            x := points.x,
            y := points.y,
            doubles := coalesce(metrics.quantity = 'kld', false)
        )) as points,
    from {{ ref('fct_zone_points') }} as points
    left join {{ ref('dim_measurements') }} as measurements using (cohort_id, measurement_id)
    left join {{ ref('metrics') }} as metrics using (metric)
    group by all
{%- endmacro %}

{# A cohort's answers to prompts as one list. #}
{% macro answers_of_cohorts() -%}
    select
        cohort_id,
        list(struct_pack(
            quant_id, benchmark_id, prompt_id, text_id, weight, score, score_ref
        )) as answers,
    from {{ ref('fct_prompts') }}
    group by cohort_id
{%- endmacro %}
