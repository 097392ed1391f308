{# Level of every test; intervals hold 1 - alpha. Python's is intervals.ALPHA. #}
{% macro alpha() -%}0.05{%- endmacro %}

{# Whether a test tells something at its level: Python's multiplicity.resolves. #}
{% macro resolves(p) -%}({{ p }} <= {{ alpha() }}){%- endmacro %}
