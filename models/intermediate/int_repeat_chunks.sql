{{ config(
    materialized='incremental',
    unique_key='run_id',
    incremental_strategy='delete+insert',
    pre_hook='{{ forget_vanished_runs() }}'
) }}

{% set repeats = "role = 'repeat' and task = 'corpus'" -%}
with first_readings as (
    select
        run_id,
        chunk,
        position,
        kld,
        top1,
        is_finite,
    from {{ ref('stg_tokens') }}
    where run_id in {{ new_runs(repeats, column='first_run_id') }}
),

between_readings as (
    select
        run_id,
        chunk,
        position,
        kld,
        is_finite,
    from {{ ref('stg_reading_klds') }}
    where run_id in {{ new_runs(repeats) }}
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
    from {{ ref('int_tokens') }}
    where run_id in {{ new_runs(repeats) }}
)

select
    seconds.run_id,
    seconds.chunk,
    count(*) as n,
    sum(firsts.kld::double) as sum_kld_first,
    sum(seconds.kld::double) as sum_kld_second,
    count(*) filter (where pairs.is_finite) as n_between,
    sum(pairs.kld::double) filter (where pairs.is_finite) as sum_between,
    count(*) filter (where firsts.top1 <> seconds.top1_ref) as flips_first,
    count(*) filter (where seconds.top1 <> seconds.top1_ref) as flips_second,
    count(*) filter (
        where seconds.top1 <> seconds.top1_ref and firsts.top1 = seconds.top1
    ) as flips_repeated,
    count(*) filter (
        where seconds.top1 <> seconds.top1_ref
            and firsts.top1 <> seconds.top1_ref
            and firsts.top1 <> seconds.top1
    ) as flips_swapped,
from second_readings as seconds
inner join {{ ref('stg_runs') }} as runs
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
group by all
