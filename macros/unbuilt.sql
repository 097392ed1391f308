{# The cohorts that this build leaves out with their reasons, as rows (cohort_id, reason): the var
   `unbuilt` that `qwh build` gives. #}
{% macro unbuilt() -%}
    {%- set rows = [] -%}
    {%- for cohort, reason in var('unbuilt', {}).items() -%}
        {%- do rows.append("('" ~ cohort | replace("'", "''") ~ "', '" ~ reason | replace("'", "''") ~ "')") -%}
    {%- endfor -%}
    (select * from (values (null::varchar, null::varchar){% for row in rows %}, {{ row }}{% endfor %})
        as unbuilt (cohort_id, reason) where cohort_id is not null)
{%- endmacro %}
