with sums as (
    select
        run_id,
        count(*) as chunks,
        sum(n) as n,
        sum(n_between) as n_between,
        sum(sum_kld_first order by chunk) / sum(n) as kld_first,
        sum(sum_kld_second order by chunk) / sum(n) as kld_second,
        sum(sum_between order by chunk) / nullif(sum(n_between), 0) as kld_between,
        sum(flips_first) as flips_first,
        sum(flips_second) as flips_second,
        sum(flips_repeated) as flips_repeated,
        sum(flips_swapped) as flips_swapped,
        sum(flips_repeated) / nullif(sum(flips_first), 0) as repeated_share,
    from {{ ref('int_repeat_chunks') }}
    group by run_id
),

errors as (
    select
        run_id,
        {{ ratio_error(
            'chunks.sum_between', 'chunks.n_between', 'sums.kld_between',
            'nullif(any_value(sums.n_between), 0)'
        ) }} as kld_between_se,
        case when count(*) filter (where chunks.flips_first > 0) > 1 then {{ ratio_error(
            'chunks.flips_repeated', 'chunks.flips_first', 'sums.repeated_share',
            'nullif(any_value(sums.flips_first), 0)'
        ) }} end as repeated_share_se,
    from {{ ref('int_repeat_chunks') }} as chunks
    inner join sums using (run_id)
    group by run_id
)

select
    runs.cohort_id,
    runs.quant_id,
    runs.corpus_id,
    runs.context_length,
    routes.route,
    runs.estimator,
    runs.reading,
    sums.n::bigint as n,
    sums.chunks,
    sums.kld_first,
    sums.kld_second,
    sums.kld_between,
    errors.kld_between_se,
    sums.flips_first::bigint as flips_first,
    sums.flips_second::bigint as flips_second,
    sums.flips_repeated::bigint as flips_repeated,
    sums.flips_swapped::bigint as flips_swapped,
    sums.repeated_share,
    errors.repeated_share_se,
    runs.first_run_id,
    run_id,
from {{ ref('int_second_readings') }} as runs
inner join {{ ref('int_routes') }} as routes using (run_id)
inner join sums using (run_id)
inner join errors using (run_id)
where runs.role = 'repeat'
