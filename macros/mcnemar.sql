{# Exact two-sided McNemar p of a gained and b lost prompts: twice the binomial tail at 1/2, at most
   1; 1 where none differs. #}
{% macro mcnemar_p(a, b) -%}
    {%- set n = '(' ~ a ~ ' + ' ~ b ~ ')' -%}
    least(1.0, 2 * list_sum(list_transform(
        range(0, least({{ a }}, {{ b }})::bigint + 1),
        lambda k: exp(
            lgamma({{ n }} + 1) - lgamma(k + 1) - lgamma({{ n }} - k + 1) - {{ n }} * ln(2)
        )
    )))
{%- endmacro %}
