{# All edits as rows, the first one first; qwh's raw/ledger.py writes them. #}
{% macro raw_edits() -%}
    (from read_json({{ raw_path('edits/*.json') }}, format = 'auto', columns = {
        sequence: 'BIGINT', edited_at: 'VARCHAR', run_id: 'VARCHAR', field: 'VARCHAR',
        value: 'VARCHAR', why: 'VARCHAR', qwh_version: 'VARCHAR'
    }) where {{ is_raw_its_own() }})
{%- endmacro %}

{# One row per run that was edited, with what holds of it: of two edits of one field the later one,
   and none from before its rows were deleted. #}
{% macro held_edits() -%}
    (
        select
            run_id,
            coalesce(bool_or(value = 'true') filter (where field = 'retracted'), false)
                as is_retracted,
            any_value(value) filter (where field = 'quant_id') as quant_id,
            list(field[5:] order by field)
            filter (where starts_with(field, 'tag:') and value = 'true') as tags,
        from (
            select *,
            from {{ raw_edits() }}
            qualify
                sequence > coalesce(
                    max(sequence) filter (where field = 'purged') over (partition by run_id), 0
                )
                and row_number() over (partition by run_id, field order by sequence desc) = 1
        )
        group by run_id
    )
{%- endmacro %}
