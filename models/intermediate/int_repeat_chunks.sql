{{ config(
    materialized='incremental',
    unique_key='run_id',
    incremental_strategy='delete+insert',
    pre_hook="{{ forget_vanished_runs(of='int_second_readings') }}"
) }}

{% set tokens = if_read_twice('stg_tokens', {
    'run_id': 'varchar', 'chunk': 'integer', 'position': 'integer', 'kld': 'float',
    'top1': 'integer', 'is_finite': 'boolean',
}) -%}
{% set readings = 'int_second_readings' -%}
{% set repeats = "role = 'repeat' and task = 'corpus'" -%}
with first_readings as (
    select
        run_id,
        chunk,
        position,
        kld,
        top1,
        is_finite,
    from {{ tokens }}
    where run_id in {{ new_runs(repeats, column='first_run_id', of=readings) }}
),

between_readings as (
    select
        run_id,
        chunk,
        position,
        kld,
        is_finite,
    from {{ ref('stg_reading_klds') }}
    where run_id in {{ new_runs(repeats, of=readings) }}
),

second_readings as (
    select
        run_id,
        chunk,
        position,
        kld,
        top1,
        top1_ref,
        is_finite,
    from {{ ref('int_second_tokens') }}
    where run_id in {{ new_runs(repeats, of=readings) }}
),

-- one row per position that both readings have in finite numbers
both_readings as (
    select
        seconds.run_id,
        seconds.chunk,
        firsts.kld::double as kld_first,
        seconds.kld::double as kld_second,
        if(pairs.is_finite, pairs.kld::double, null) as kld_between,
        firsts.top1 <> seconds.top1_ref as is_flip_first,
        seconds.top1 <> seconds.top1_ref as is_flip_second,
        firsts.top1 = seconds.top1 as is_same,
    from second_readings as seconds
    inner join {{ ref(readings) }} as runs
        on seconds.run_id = runs.run_id
    inner join first_readings as firsts
        on runs.first_run_id = firsts.run_id
        and seconds.chunk = firsts.chunk
        and seconds.position = firsts.position
    left join between_readings as pairs
        on seconds.run_id = pairs.run_id
        and seconds.chunk = pairs.chunk
        and seconds.position = pairs.position
    where seconds.is_finite
        and firsts.is_finite
)

select
    run_id,
    chunk,
    count(*) as n,
    sum(kld_first) as sum_kld_first,
    sum(kld_second) as sum_kld_second,
    count(kld_between) as n_between,
    sum(kld_between) as sum_between,
    count(*) filter (where is_flip_first) as flips_first,
    count(*) filter (where is_flip_second) as flips_second,
    count(*) filter (where is_flip_first and is_same) as flips_repeated,
    count(*) filter (where is_flip_first and is_flip_second and not is_same) as flips_swapped,
from both_readings
group by all
