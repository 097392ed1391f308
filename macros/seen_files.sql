{# The files of raw that `qwh build` saw when it began, as rows of path and sha256: from the file
   that its var `seen` names; none where dbt is called without qwh. #}
{% macro seen_files() -%}
    {%- set given = var('seen', {}) -%}
    {%- if given is mapping and given.files -%}
        read_json(
            {{ text_or_null(given.files) }}, columns = {'path': 'VARCHAR', 'sha256': 'VARCHAR'}
        )
    {%- else -%}
        (select null::varchar as path, null::varchar as sha256, where false)
    {%- endif -%}
{%- endmacro %}
