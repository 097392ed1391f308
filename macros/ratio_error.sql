{# Standard error of a ratio of sums over chunks: squared residuals of the chunks' totals, corrected
   for the number of chunks; null for one chunk. whole: the sum of n over all chunks. #}
{% macro ratio_error(total, n, ratio, whole) -%}
    case
        when count(*) > 1 then
            sqrt(count(*) / (count(*) - 1) * sum(({{ total }} - {{ ratio }} * {{ n }}) ** 2))
            / {{ whole }}
    end
{%- endmacro %}
