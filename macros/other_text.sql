{# Why an item that two sides answered is in no comparison, and the way on. side: the other one. #}
{% macro other_text(side) -%}
    '{{ side }} was given another text for it: --match item at both imports pairs by item and'
    || ' expected answer'
{%- endmacro %}
