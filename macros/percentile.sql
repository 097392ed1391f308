{# llama-perplexity's percentile of a sorted list of floats: linear between neighbours, the place in
   single precision. #}
{% macro percentile(sorted, fraction) -%}
    {%- set place = '(' ~ fraction ~ '::float * (len(' ~ sorted ~ ') - 1)::float)' -%}
    {%- set below = 'floor(' ~ place ~ ')' -%}
    (1 - {{ place }} + {{ below }}) * {{ sorted }}[{{ below }}::bigint + 1]
    + ({{ place }} - {{ below }}) * {{ sorted }}[least({{ below }}::bigint + 2, len({{ sorted }}))]
{%- endmacro %}
