{% set share = 0.99 -%}
{% set controls = new_runs("role = 'control' and task = 'corpus'") -%}
-- of several ways to read the reference again, the one that moves it furthest
with controls as (
    select
        runs.run_id,
        runs.cohort_id,
        runs.corpus_id,
        runs.context_length,
        routes.route,
        runs.estimator,
        runs.reading,
        means.mean,
        means.standard_error,
        means.n,
        means.chunks,
    from {{ ref('int_second_readings') }} as runs
    inner join {{ ref('int_routes') }} as routes using (run_id)
    inner join {{ ref('int_run_means') }} as means using (run_id)
    where runs.role = 'control'
        and runs.task = 'corpus'
        and means.quantity = 'kld'
    qualify
        row_number() over (
            partition by
                runs.cohort_id,
                runs.corpus_id,
                runs.context_length,
                routes.route,
                runs.estimator
            order by
                runs.status is not distinct from 'partial' asc,
                means.mean desc,
                runs.reading asc,
                run_id asc
        ) = 1
),

-- with each position's place from 0, the lowest KLD, to 1
tokens as (
    select
        run_id,
        tokens.chunk,
        tokens.kld::double as kld,
        tokens.kld > quantiles.kld_p99 as is_above,
        (row_number() over (partition by run_id order by tokens.kld) - 1)
        / nullif(count(*) over (partition by run_id) - 1, 0) as place,
    from {{ ref('int_tokens') }} as tokens
    inner join {{ ref('int_run_quantiles') }} as quantiles using (run_id)
    where run_id in {{ controls }}
        and tokens.is_finite
        and tokens.kld is not null
),

counts as (
    select
        run_id,
        chunk,
        count(*) as n,
        count(*) filter (where is_above) as beyond,
    from tokens
    group by all
),

shares as (
    select
        run_id,
        sum(n) as n,
        sum(beyond) / sum(n) as tail,
    from counts
    group by run_id
),

errors as (
    select
        run_id,
        {{ ratio_error('counts.beyond', 'counts.n', 'shares.tail', 'any_value(shares.n)') }}
            as share_error,
    from counts
    inner join shares using (run_id)
    group by run_id
),

-- Woodruff (1952): the quantiles at a standard error of the share on either side
ends as (
    select
        run_id,
        any_value(errors.share_error) as share_error,
        max(tokens.kld) filter (where tokens.place <= {{ share }} - errors.share_error) as low,
        coalesce(
            min(tokens.kld) filter (where tokens.place >= {{ share }} + errors.share_error),
            max(tokens.kld)
        ) as high,
    from tokens
    inner join errors using (run_id)
    group by run_id
)

select
    controls.cohort_id,
    controls.corpus_id,
    controls.context_length,
    controls.route,
    controls.estimator,
    controls.reading,
    controls.mean as kld_mean,
    controls.standard_error as kld_mean_se,
    quantiles.kld_p99,
    if(ends.share_error is not null, (ends.high - ends.low) / 2, null) as kld_p99_se,
    controls.n,
    controls.chunks,
    run_id,
from controls
inner join {{ ref('int_run_quantiles') }} as quantiles using (run_id)
inner join ends using (run_id)
