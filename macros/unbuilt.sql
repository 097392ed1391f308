{# The cohorts that this build leaves out with their reasons, as rows (cohort_id, reason): the var
   `unbuilt` that `qwh build` gives. #}
{% macro unbuilt() -%}
    {%- set unbuilt, rows = var('unbuilt', {}), ['(null::varchar, null::varchar)'] -%}
    {%- for cohort in unbuilt if unbuilt is mapping -%}
        {%- set texts = [cohort, unbuilt[cohort]] | map('replace', "'", "''") | join("', '") -%}
        {%- do rows.append("('" ~ texts ~ "')") -%}
    {%- endfor -%}
    (
        select *,
        from (values {{ rows | join(', ') }}) as unbuilt (cohort_id, reason)
        where cohort_id is not null
    )
{%- endmacro %}
