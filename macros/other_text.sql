{# Why an item that two sides answered is in no comparison, and the way on. side: the other one. #}
{% macro other_text(side) -%}
    '{{ side }} was given another text for it: --match item at both imports pairs by item and'
    || ' expected answer'
{%- endmacro %}

{# Why one that a side alone has, of one text, is in none. side: the one that lacks it. #}
{% macro not_scored(side, scoring) -%}
    '{{ side }} ' || if({{ scoring }} = 'answered', 'did not answer it', 'has no such score of it')
{%- endmacro %}
