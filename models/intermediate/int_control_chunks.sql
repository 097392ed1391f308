{{ config(
    materialized='incremental',
    unique_key='run_id',
    incremental_strategy='delete+insert',
    pre_hook="{{ forget_vanished_runs(of='int_second_readings') }}"
) }}

select
    run_id,
    chunk,
    count(*) as n,
    sum(kld::double) as kld_sum,
from {{ ref('int_second_tokens') }}
where run_id in {{ new_runs(
        "role = 'control' and task = 'corpus'", of='int_second_readings'
    ) }}
    and is_finite
    and kld is not null
group by all
