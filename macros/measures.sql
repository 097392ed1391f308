{# The user's own measures: rows of name, sql and orientation, in the order of their names. #}
{% macro measures() %}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set query -%}
        select name, sql, orientation
        from read_json(
            {{ raw_path('measures/*.json') }},
            columns = {name: 'VARCHAR', sql: 'VARCHAR', orientation: 'INTEGER'}
        )
        where name is not null
        order by name
    {%- endset -%}
    {{ return(run_query(query).rows) }}
{% endmacro %}
