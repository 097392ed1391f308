{# A table is dropped and made in one transaction, not made beside and renamed: `qwh build` works on
   a copy that nobody reads. dbt's own way takes twice as long. #}
{% materialization table, adapter = 'duckdb' %}
    {%- set former = load_cached_relation(this) -%}
    {%- set table = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        {% if former is not none -%}
            drop {{ former.type }} {{ former }} cascade;
        {%- endif %}
        {{ create_table_as(False, table, compiled_code) }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do persist_docs(table, model) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [table]}) }}
{% endmaterialization %}

{# The comments of a relation and of all columns that its YAML names, at once: tests hold the YAML
   to the SQL, so that the database need not be asked which columns there are. #}
{% macro duckdb__persist_docs(relation, model, for_relation, for_columns) %}
    {%- set said = duckdb_escape_comment(model.description) -%}
    {%- set comments = ['comment on ' ~ relation.type ~ ' ' ~ relation ~ ' is ' ~ said] -%}
    {%- for name in model.columns -%}
        {%- set said = duckdb_escape_comment(model.columns[name].description) -%}
        {%- set column = relation ~ '.' ~ adapter.quote(name) -%}
        {%- do comments.append('comment on column ' ~ column ~ ' is ' ~ said) -%}
    {%- endfor -%}
    {% do run_query(comments | join(';')) %}
{% endmacro %}
