{# Level of every test; intervals hold 1 - alpha. Python's is intervals.ALPHA. #}
{% macro alpha() -%}0.05{%- endmacro %}
