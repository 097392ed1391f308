{% set p99 = 0.99 -%}
with means as (
    select
        run_id,
        sum(kld_sum order by chunk) / sum(n) as mean,
        sum(n) as n,
    from {{ ref('int_control_chunks') }}
    group by run_id
),

errors as (
    select
        run_id,
        {{ ratio_error('chunks.kld_sum', 'chunks.n', 'means.mean', 'any_value(means.n)') }}
            as mean_error,
        count(*) as chunks,
    from {{ ref('int_control_chunks') }} as chunks
    inner join means using (run_id)
    group by run_id
),

-- with each position's place from 0, the lowest KLD, to 1
tokens as (
    select
        run_id,
        chunk,
        kld::double as kld,
        (row_number() over (partition by run_id order by kld) - 1)
        / nullif(count(*) over (partition by run_id) - 1, 0) as place,
        quantile_cont(kld::double, {{ p99 }}) over (partition by run_id) as kld_p99,
    from {{ ref('int_second_tokens') }}
    where run_id in {{ new_runs(
        "role = 'control' and task = 'corpus'", of='int_second_readings'
    ) }}
        and is_finite
        and kld is not null
),

-- what a chunk has beyond that quantile
tails as (
    select
        run_id,
        chunk,
        any_value(kld_p99) as kld_p99,
        count(*) as n,
        count(*) filter (where kld > kld_p99) as beyond,
    from tokens
    group by run_id, chunk
),

sums as (
    select
        run_id,
        sum(n) as n,
        sum(beyond) / sum(n) as tail,
    from tails
    group by run_id
),

tail_errors as (
    select
        run_id,
        any_value(tails.kld_p99) as kld_p99,
        {{ ratio_error('tails.beyond', 'tails.n', 'sums.tail', 'any_value(sums.n)') }} as error,
    from tails
    inner join sums using (run_id)
    group by run_id
),

-- Woodruff (1952): the quantiles at a standard error of that share on either side
ends as (
    select
        run_id,
        any_value(errors.kld_p99) as kld_p99,
        any_value(errors.error) as error,
        max(tokens.kld) filter (where tokens.place <= {{ p99 }} - errors.error) as low,
        coalesce(
            min(tokens.kld) filter (where tokens.place >= {{ p99 }} + errors.error),
            max(tokens.kld)
        ) as high,
    from tokens
    inner join tail_errors as errors using (run_id)
    group by run_id
)

select
    runs.cohort_id,
    runs.corpus_id,
    runs.context_length,
    routes.route,
    runs.estimator,
    runs.reading,
    means.mean as kld_mean,
    errors.mean_error as kld_mean_se,
    ends.kld_p99,
    if(ends.error is not null, (ends.high - ends.low) / 2, null) as kld_p99_se,
    means.n::bigint as n,
    errors.chunks,
    row_number() over (
        partition by
            runs.cohort_id, runs.corpus_id, runs.context_length, routes.route, runs.estimator
        order by
            runs.status is not distinct from 'partial' asc,
            regexp_full_match(runs.reading, 'rows=[0-9]+') desc,
            errors.chunks desc,
            runs.started_at desc,
            run_id asc
    ) = 1 as is_floor,
    run_id,
from {{ ref('int_second_readings') }} as runs
inner join {{ ref('int_routes') }} as routes using (run_id)
inner join means using (run_id)
inner join errors using (run_id)
inner join ends using (run_id)
