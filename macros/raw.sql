{# Files of the raw folder, as a path that every view works out when it is asked, so that a folder
   may be moved, renamed or copied: the variable qwh_raw, which qwh sets; else the folder raw beside
   the file that was opened, told by DuckDB's folder for temporary files, whose default is named
   after that file. Signs of a pattern in a folder's name are escaped. #}
{% macro raw_path(files) -%}
    regexp_replace(
        coalesce(
            getvariable('qwh_raw'),
            case
                when regexp_matches(
                    current_setting('temp_directory'), '(^|[/\\])warehouse[.]duckdb[.]tmp$'
                )
                then regexp_replace(
                    current_setting('temp_directory'), 'warehouse[.]duckdb[.]tmp$', 'raw'
                )
                else error({{ set_qwh_raw() }})
            end
        ),
        '([*?[])', '[\1]', 'g'
    ) || '/{{ files }}'
{%- endmacro %}

{# Whether the file that was opened is the one that this view lies in: beside a second warehouse,
   whatever its file is called, nobody can tell. In a bundle stg_runs is a table. #}
{% macro is_raw_its_own() -%}
    case
        when
            getvariable('qwh_raw') is null
            and (
                select count(*),
                from duckdb_databases() as databases
                where suffix(databases.path, 'warehouse.duckdb')
                    or databases.database_name in (
                        select views.database_name,
                        from duckdb_views() as views
                        where views.view_name = 'stg_runs'
                    )
            ) > 1
        then error({{ set_qwh_raw() }})
        else true
    end
{%- endmacro %}

{# What to do where it cannot be told; the docs block of that name says it to people. #}
{% macro set_qwh_raw() -%}
    'which folder is it? say set variable qwh_raw = ''/the/warehouse/raw'' first'
{%- endmacro %}

{# The Parquet parts of a raw table: run_id comes from the folder's name. #}
{% macro raw_parts(table) -%}
    read_parquet(
        {{ raw_path(table ~ '/*/part.parquet') }},
        hive_partitioning = true,
        hive_types = {'run_id': varchar},
        union_by_name = true
    )
{%- endmacro %}

{# run_ids that an incremental model must read now, as a literal IN list, so that only their folders
   are opened: runs that it does not hold, or holds under another value of one of the named vars,
   which it keeps in a column of that name. column: another one in place of run_id;
   of: the model whose runs they are. #}
{% macro new_runs(where, vars=[], column='run_id', of='stg_runs') %}
    {%- set runs = ref(of) -%}
    {%- if not execute -%}{{ return("('')") }}{%- endif -%}
    {%- set query -%}
        select distinct {{ column }}
        from {{ runs }}
        where {{ where }}
            and {{ column }} is not null
        {%- if is_incremental() %}
            and run_id not in (
                select run_id from {{ this }}
                where true {% for name in vars %}and {{ name }} = {{ var(name) }} {% endfor %}
            )
        {%- endif %}
        order by {{ column }}
    {%- endset -%}
    {%- set ids = run_query(query).columns[0].values() | map('replace', "'", "''") -%}
    {{ return("('" ~ (ids | join("', '")) ~ "')") }}
{% endmacro %}

{# Drop what an incremental model holds of runs that are no longer there. #}
{% macro forget_vanished_runs(of='stg_runs') %}
    {%- if is_incremental() -%}
        delete from {{ this }} where run_id not in (select run_id from {{ ref(of) }})
    {%- else -%}
        select 1
    {%- endif -%}
{% endmacro %}
