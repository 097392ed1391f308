{# Absolute path of the warehouse's raw folder: views must work wherever the shell is opened. #}
{% macro raw_dir() %}
    {%- set warehouse = env_var('QWH_WAREHOUSE', 'warehouse') -%}
    {%- if not warehouse.startswith('/') -%}
        {%- set warehouse = invocation_args_dict['project_dir'] ~ '/' ~ warehouse -%}
    {%- endif -%}
    {%- if not warehouse.startswith('/') -%}
        {%- set warehouse = env_var('PWD') ~ '/' ~ warehouse -%}
    {%- endif -%}
    {{ return((warehouse ~ '/raw') | replace("'", "''")) }}
{% endmacro %}

{# The Parquet parts of a raw table: run_id comes from the folder's name. #}
{% macro raw_parts(table) -%}
    read_parquet(
        '{{ raw_dir() }}/{{ table }}/*/part.parquet',
        hive_partitioning = true,
        hive_types = {'run_id': varchar},
        union_by_name = true
    )
{%- endmacro %}

{# run_ids that an incremental model must read now, as a literal IN list, so that only their folders
   are opened: runs that it does not hold, or holds under another value of one of the named vars,
   which it keeps in a column of that name. #}
{% macro new_runs(where, vars=[]) %}
    {%- set runs = ref('stg_runs') -%}
    {%- if not execute -%}{{ return("('')") }}{%- endif -%}
    {%- set query -%}
        select run_id
        from {{ runs }}
        where {{ where }}
        {%- if is_incremental() %}
            and run_id not in (
                select run_id from {{ this }}
                where true {% for name in vars %}and {{ name }} = {{ var(name) }} {% endfor %}
            )
        {%- endif %}
        order by run_id
    {%- endset -%}
    {{ return("('" ~ (run_query(query).columns[0].values() | join("', '")) ~ "')") }}
{% endmacro %}

{# Drop what an incremental model holds of runs that are no longer in raw. #}
{% macro forget_vanished_runs() %}
    {%- if is_incremental() -%}
        delete from {{ this }} where run_id not in (select run_id from {{ ref('stg_runs') }})
    {%- else -%}
        select 1
    {%- endif -%}
{% endmacro %}
