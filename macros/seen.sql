{# What `qwh build` saw when it began, by its key, as SQL: the var `seen` that it gives. #}
{% macro seen(key) -%}
    {%- set given = var('seen', {}) -%}
    {{ text_or_null(given[key] if given is mapping else none) }}
{%- endmacro %}
