{{ config(materialized='view') }}

{% set tokens = if_read_twice('stg_tokens', {
    'run_id': 'varchar', 'chunk': 'integer', 'position': 'integer', 'kld': 'float',
    'top1': 'integer', 'is_finite': 'boolean',
}) -%}
{% set reference_tokens = if_read_twice('stg_reference_tokens', {
    'run_id': 'varchar', 'chunk': 'integer', 'position': 'integer', 'top1_ref': 'integer',
    'is_finite_ref': 'boolean',
}) -%}
select
    runs.run_id,
    tokens.chunk,
    tokens.position,
    tokens.kld,
    tokens.top1,
    reference.top1_ref,
    tokens.is_finite and reference.is_finite_ref as is_finite,
from {{ ref('stg_runs') }} as runs
inner join {{ tokens }} as tokens on runs.run_id = tokens.run_id
inner join {{ reference_tokens }} as reference
    on runs.reference_run_id = reference.run_id
    and tokens.chunk = reference.chunk
    and tokens.position = reference.position
where {{ is_second_reading('runs.role') }}
