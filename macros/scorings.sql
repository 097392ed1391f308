{# The name of a scoring: its kind, and the temperature that its probabilities are taken at. #}
{% macro scoring_at(kind, temperature) -%}
    {{ kind }} || '@' || format('{:g}', {{ temperature }}::double)
{%- endmacro %}

{# The difference of score that counts as none, by the scoring's name. #}
{% macro margin_of(scoring) -%}
    if({{ scoring }} = 'answered', {{ var('margin') }}, {{ var('margin_expected') }})::double
{%- endmacro %}

{# Decimals of a difference in points of 100, as printf takes them: fractions tell smaller ones. #}
{% macro points_form(scoring) -%}
    if({{ scoring }} = 'answered', '%.1f', '%.2f')
{%- endmacro %}

{# A difference in points of 100 as text; what rounds to 0 has no sign. #}
{% macro signed_points(difference, scoring) -%}
    printf(
        {{ points_form(scoring) }},
        round(100 * {{ difference }}, if({{ scoring }} = 'answered', 1, 2)) + 0
    )
{%- endmacro %}
