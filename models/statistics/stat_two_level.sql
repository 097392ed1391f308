with forms as (
    from (values
        ('kld_mean', 'kld', 'mean'), ('ppl', 'nll', 'mean'), ('ln_ppl_ratio', 'delta_loss', 'mean'), ('ln_ppl_ratio_abs', 'delta_loss', 'abs'),
        ('top1_agreement', 'top1_agree', 'minus'), ('dp_rms', 'delta_p_squared', 'mean'),
        ('kld_median', 'kld', '0.5'), ('kld_p90', 'kld', '0.9'), ('kld_p95', 'kld', '0.95'), ('kld_p99', 'kld', '0.99'), ('kld_p999', 'kld', '0.999')
    ) as forms (metric, quantity, form)
),

chunks as (
    select
        chunks.cohort_id,
        chunks.quant_id,
        chunks.estimator,
        measurements.measurement_id,
        any_value(forms.form) as form,
        list(case forms.quantity when 'kld' then kld_sum when 'nll' then nll_sum when 'delta_loss' then delta_loss_sum when 'top1_agree' then top1_agree_sum else delta_p_squared_sum end order by chunks.chunk) as totals,
        list(chunks.n::double order by chunks.chunk) as sizes,
        list(kld_buckets::double[] order by chunks.chunk) filter (where measurements.variant = 2) as buckets,
        list(kld_counts::double[] order by chunks.chunk) filter (where measurements.variant = 2) as counts,
    from {{ ref('fct_chunks') }} as chunks
    inner join {{ ref('dim_measurements') }} as measurements using (cohort_id, corpus_id, context_length)
    inner join forms using (metric)
    where measurements.variant is not null
    group by all
),

measurements as (
    select cohort_id, zone_rule, threshold, estimator, quants, unnest(measurements) as measurement_id, unnest(variants) as variant, unnest(measured) as figures,
    from {{ ref('stat_figures') }}
    where is_default
),

cells as (
    select *, unnest(quants) as quant_id,
    from measurements
),

sheets as (
    select
        cells.cohort_id,
        cells.zone_rule,
        cells.threshold,
        cells.estimator,
        cells.measurement_id,
        cells.variant,
        any_value(cells.quants) as quants,
        any_value(cells.figures) as figures,
        any_value(chunks.form) as form,
        list(chunks.totals order by cells.quant_id) as totals,
        list(chunks.sizes order by cells.quant_id) as sizes,
        list(chunks.buckets order by cells.quant_id) as buckets,
        list(chunks.counts order by cells.quant_id) as counts,
    from cells
    left join chunks using (cohort_id, estimator, measurement_id, quant_id)
    group by all
),

books as (
    select
        cohort_id,
        zone_rule,
        threshold,
        estimator,
        any_value(quants) as quants,
        list(measurement_id order by variant) as measurements,
        list(variant order by variant) as variants,
        list(form order by variant) as forms,
        list(figures order by variant) as figures,
        list(totals order by variant) as totals,
        list(sizes order by variant) as sizes,
        any_value(buckets) filter (where variant = 2) as buckets,
        any_value(counts) filter (where variant = 2) as counts,
    from sheets
    group by all
),

answers as (
    select
        books.*,
        unnest(two_level(
            forms, figures, totals, sizes, buckets, counts,
            list_transform(books.quants, lambda quant: blocks.scores[list_position(blocks.quants, quant)]), scores_ref, benchmarks, weights,
            {{ var('n_resamples') }}, {{ var('seed') }}
        )) as answer,
    from books
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
from answers
