{# The standard normal quantile that a two-sided test at a level compares with. DuckDB has no such
   function, so that it holds the usual levels, to the last digit of a double; another one is an
   error, not a guess. #}
{% macro normal_quantile(level) -%}
    case {{ level }}
        when 0.1 then 1.6448536269514729::double
        when 0.05 then 1.9599639845400545::double
        when 0.02 then 2.3263478740408408::double
        when 0.01 then 2.575829303548901::double
        else error('no normal quantile is known for the level ' || {{ level }})
    end
{%- endmacro %}
