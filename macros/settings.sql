{# The named vars as the one struct in which a statistic takes its settings. #}
{% macro settings() -%}
    {
    {%- for name in varargs -%}
        '{{ name }}': {{ var(name) }}{% if not loop.last %}, {% endif %}
    {%- endfor -%}
    }
{%- endmacro %}
