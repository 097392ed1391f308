{# A text as SQL; none is null. #}
{% macro text_or_null(text) -%}
    {% if text %}'{{ text | replace("'", "''") }}'{% else %}null::varchar{% endif %}
{%- endmacro %}
