{# The name of a scoring: its kind, and the temperature that its probabilities are taken at. #}
{% macro scoring_at(kind, temperature) -%}
    {{ kind }} || '@' || format('{:g}', {{ temperature }}::double)
{%- endmacro %}
