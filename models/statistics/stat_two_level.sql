-- one row per quant x measurement: its chunks in lists; ranks do not see exp and root
with chunked as (
    select
        chunks.cohort_id,
        chunks.quant_id,
        chunks.estimator,
        measurements.measurement_id,
        struct_pack(
            form := case
                when metrics.form not in ('mean', 'exp', 'root') then metrics.form
                when metrics.orientation = -1 then 'minus'
                else 'mean'
            end,
            fraction := metrics.fraction,
            totals := list(
                case metrics.quantity
                    when 'kld' then chunks.kld_sum
                    when 'nll' then chunks.nll_sum
                    when 'delta_loss' then chunks.delta_loss_sum
                    when 'top1_agree' then chunks.top1_agree_sum
                    when 'delta_p_squared' then chunks.delta_p_squared_sum
                end
                order by chunks.chunk
            ),
            sizes := list(chunks.n::double order by chunks.chunk),
            buckets := list(
                if(metrics.form = 'quantile', chunks.kld_buckets, null)::double[]
                order by chunks.chunk
            ),
            counts := list(
                if(metrics.form = 'quantile', chunks.kld_counts, null)::double[]
                order by chunks.chunk
            )
        ) as chunks,
    from {{ ref('fct_chunks') }} as chunks
    inner join {{ ref('dim_measurements') }} as measurements
        using (cohort_id, corpus_id, context_length)
    inner join {{ ref('metrics') }} as metrics using (metric)
    where
        measurements.variant is not null
        and metrics.form in ('mean', 'exp', 'root', 'abs', 'quantile')
    group by
        chunks.cohort_id, chunks.quant_id, chunks.estimator, measurements.measurement_id,
        metrics.form, metrics.orientation, metrics.fraction, metrics.quantity
),

measurements as (
    select
        cohort_id,
        zone_rule,
        threshold,
        estimator,
        quants,
        unnest(measurements) as measurement_id,
        unnest(variants) as variant,
    from {{ ref('stat_figures') }}
    where is_default
),

-- one row per zone x measurement: all quants' chunks, null where a quant has none
sheets as (
    select
        measurements.cohort_id,
        measurements.zone_rule,
        measurements.threshold,
        measurements.estimator,
        measurements.variant,
        list(chunked.chunks order by quants.quant_id) as sheet,
    from measurements
    cross join unnest(measurements.quants) as quants (quant_id)
    left join chunked using (cohort_id, estimator, measurement_id, quant_id)
    group by all
),

books as (
    select
        cohort_id,
        zone_rule,
        threshold,
        estimator,
        list(sheet order by variant) as sheets,
    from sheets
    group by all
),

redrawn as (
    select
        figures.*,
        unnest(two_level(
            figures.measured, books.sheets,
            list_transform(
                figures.quants,
                lambda quant: blocks.scores[list_position(blocks.quants, quant)]
            ),
            blocks.scores_ref, [blocks.benchmarks, blocks.texts], blocks.weights,
            {{ var('n_resamples') }}, {{ var('seed') }}, {{ var('kld_buckets_per_efold') }}
        )) as answer,
    from books
    inner join {{ ref('stat_figures') }} as figures
        using (cohort_id, zone_rule, threshold, estimator)
    inner join {{ ref('stat_score_blocks') }} as blocks using (cohort_id)
)

select
    cohort_id,
    zone_rule,
    threshold,
    measurements[answer.measurement + 1] as measurement_id,
    variants[answer.measurement + 1] as variant,
    estimator,
    answer.target,
    answer.n,
    answer.rho,
    answer.noise_low,
    answer.noise_high,
    answer.low as ci_low,
    answer.high as ci_high,
    answer.shrinkage,
    answer.reason,
from redrawn
