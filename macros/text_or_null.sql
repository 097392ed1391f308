{# A text as SQL; none is null. #}
{% macro text_or_null(text) -%}
    {% if text is none %}null::varchar{% else %}'{{ text | replace("'", "''") }}'{% endif %}
{%- endmacro %}
