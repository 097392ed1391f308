{# Standard error of a ratio of sums over chunks: squared residuals of the chunks' totals, corrected
   for the number of chunks; null for one chunk. whole: the sum of n over all chunks. They are added
   in one order, so that the same rows give the same bits. #}
{% macro ratio_error(total, n, ratio, whole) -%}
    {%- set squared = '(' ~ total ~ ' - ' ~ ratio ~ ' * ' ~ n ~ ') ** 2' -%}
    case
        when count(*) > 1 then
            sqrt(count(*) / (count(*) - 1) * sum({{ squared }} order by {{ squared }}))
            / {{ whole }}
    end
{%- endmacro %}
