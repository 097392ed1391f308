{# The name of a scoring: its kind, and the temperature that its probabilities are taken at. #}
{% macro scoring_at(kind, temperature) -%}
    {{ kind }} || '@' || format('{:g}', {{ temperature }}::double)
{%- endmacro %}

{# The difference of score that counts as none, by the scoring's name. #}
{% macro margin_of(scoring) -%}
    if({{ scoring }} = 'answered', {{ var('margin') }}, {{ var('margin_expected') }})::double
{%- endmacro %}
