{# The named vars as the one struct in which a statistic takes its settings; a name that is given an
   expression has its value. #}
{% macro settings() -%}
    {
    {%- for name in varargs -%}
        '{{ name }}': {{ var(name) }}{% if kwargs or not loop.last %}, {% endif %}
    {%- endfor -%}
    {%- for name, value in kwargs.items() -%}
        '{{ name }}': {{ value }}{% if not loop.last %}, {% endif %}
    {%- endfor -%}
    }
{%- endmacro %}
