{# llama-perplexity's percentile of a sorted list of floats: linear between neighbours, the place in single precision. #}
{% macro percentile(sorted, fraction) -%}
  {%- set place = '(' ~ fraction ~ '::float * (len(' ~ sorted ~ ') - 1)::float)' -%}
  (1 - {{ place }} + floor({{ place }})) * {{ sorted }}[floor({{ place }})::bigint + 1]
  + ({{ place }} - floor({{ place }})) * {{ sorted }}[least(floor({{ place }})::bigint + 2, len({{ sorted }}))]
{%- endmacro %}
