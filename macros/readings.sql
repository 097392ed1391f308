{# What tells a second reading, of the reference (control) or of a quant (repeat), from what is
   ranked: a condition on a role. #}
{% macro is_second_reading(role) -%}
    coalesce({{ role }} in ('control', 'repeat'), false)
{%- endmacro %}

{# By which engines a run's distances go: the quant's, and the reference's where that is another. #}
{% macro route(engine, reference_engine) -%}
    {{ engine }} || coalesce('|' || nullif({{ reference_engine }}, {{ engine }}), '')
{%- endmacro %}

{# A word for what stat_above_floor says of a KLD, for the column beside it. #}
{% macro noise_floor_word(verdict) -%}
    case {{ verdict }}
        when 'above_floor' then 'above'
        when 'not_above_floor' then 'not above'
        when 'too_few_chunks' then 'too few chunks'
    end
{%- endmacro %}

{# The same of each quant's KLD on its cohort's first text, a row per cohort and quant. #}
{% macro primary_floors() -%}
    (
        select
            cohort_id,
            quant_id,
            noise_floor,
        from {{ ref('stat_above_floor') }}
        where is_primary
        qualify
            row_number() over (
                partition by cohort_id, quant_id order by chunks desc, estimator asc
            ) = 1
    )
{%- endmacro %}

{# A model of raw's rows, as far as second readings need its columns (name -> type). Where nothing
   was read twice it has no rows, and none of its files is opened: that takes a while. #}
{% macro if_read_twice(name, columns) -%}
    {%- set rows = ref(name) -%}
    {%- if has_second_readings() -%}
        {{ return(rows) }}
    {%- endif -%}
    {%- set nulls = [] -%}
    {%- for column, type in columns.items() -%}
        {%- do nulls.append('null::' ~ type ~ ' as ' ~ column) -%}
    {%- endfor -%}
    {{ return('(select ' ~ nulls | join(', ') ~ ' where false)') }}
{%- endmacro %}

{# Whether anything was. #}
{% macro has_second_readings() -%}
    {%- set readings = ref('int_second_readings') -%}
    {%- if not execute -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set found = run_query('select count(*) from ' ~ readings) -%}
    {{ return(found.columns[0].values()[0] > 0) }}
{%- endmacro %}
