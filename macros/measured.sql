{# What the user's own measures gave: rows of measure, sql, orientation, reason and answers, from a
   file that `qwh build` names once it has asked them; none where dbt is called without qwh. #}
{% macro measured() -%}
    {%- set given = var('measured', {}) -%}
    {%- if given is mapping and given.file -%}
        read_parquet({{ text_or_null(given.file) }})
    {%- else -%}
        (
            select
                null::varchar as measure,
                null::varchar as sql,
                null::integer as orientation,
                null::varchar as reason,
                null::struct(cohort_id varchar, quant_id varchar, value double)[] as answers,
            where false
        )
    {%- endif -%}
{%- endmacro %}
