{# Whether an answer counts as right where a statistic needs yes or no: half of a score, or more. #}
{% macro passed(score) -%}
    ({{ score }} >= 0.5)
{%- endmacro %}
