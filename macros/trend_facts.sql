{# The texts that fill the sentence of a row of stat_trends, whose alias is given. #}
{% macro trend_facts(trend) -%}
    map {
        'n': {{ trend }}.n::varchar,
        'measurement': {{ trend }}.measurement_id,
        'measurements': {{ trend }}.measurements::varchar,
        'families': coalesce({{ trend }}.families::varchar, 'unknown'),
        'effective': coalesce(printf('%.1f', {{ trend }}.effective_n), 'unknown'),
        'rho': coalesce(printf('%.2f', {{ trend }}.rho_relatives), 'unknown'),
        'p': coalesce(printf('%.2g', {{ trend }}.p_adjusted), 'not tested'),
        'p_these': coalesce(printf('%.2g', {{ trend }}.p_these_adjusted), 'not tested'),
        'least_p': coalesce(printf('%.2g', {{ trend }}.least_p), 'unknown'),
        'resolvable': coalesce(printf('%.1f', 100 * {{ trend }}.resolvable), 'unknown'),
        'labelling': coalesce({{ trend }}.labelling, 'unknown'),
        'reason': coalesce({{ trend }}.reason, '')
    }
{%- endmacro %}
