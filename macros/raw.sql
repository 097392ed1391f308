{# Absolute path of the warehouse's raw folder: views must work wherever the shell is opened. #}
{% macro raw_dir() %}
  {%- set warehouse = env_var('QWH_WAREHOUSE', 'warehouse') -%}
  {%- if not warehouse.startswith('/') -%}
    {%- set warehouse = invocation_args_dict['project_dir'] ~ '/' ~ warehouse -%}
    {%- if not warehouse.startswith('/') -%}{%- set warehouse = env_var('PWD') ~ '/' ~ warehouse -%}{%- endif -%}
  {%- endif -%}
  {{ return((warehouse ~ '/raw') | replace("'", "''")) }}
{% endmacro %}

{# The Parquet parts of a raw table: run_id comes from the folder's name. #}
{% macro raw_parts(table) -%}
  read_parquet('{{ raw_dir() }}/{{ table }}/*/part.parquet', hive_partitioning = true, hive_types = {'run_id': varchar}, union_by_name = true)
{%- endmacro %}

{# run_ids that an incremental model must read now, as a literal IN list, so that only their folders are opened:
   runs that it does not hold, or holds under another value of the var `setting`, if one is named, which it keeps in a column of that name. #}
{% macro new_runs(where, setting=none) %}
  {%- set runs = ref('stg_runs') -%}
  {%- if not execute -%}{{ return("('')") }}{%- endif -%}
  {%- set known = "select run_id from " ~ this ~ (" where " ~ setting ~ " = " ~ var(setting) if setting else "") if is_incremental() else "select ''" -%}
  {%- set rows = run_query("select run_id from " ~ runs ~ " where " ~ where ~ " and run_id not in (" ~ known ~ ") order by 1") -%}
  {{ return("('" ~ (rows.columns[0].values() | join("', '")) ~ "')") }}
{% endmacro %}

{# Drop what an incremental model holds of runs that are no longer in raw. #}
{% macro forget_vanished_runs() %}
  {%- if is_incremental() -%}
    delete from {{ this }} where run_id not in (select run_id from {{ ref('stg_runs') }})
  {%- else -%}
    select 1
  {%- endif -%}
{% endmacro %}
