with distances as (
    select
        points.cohort_id,
        points.scoring,
        points.estimator,
        list(distinct struct_pack(
            points.zone_rule,
            points.threshold,
            points.measurement_id,
            points.variant,
            points.quant_id,
            points.x,
            measurements.corpus_id,
            measurements.context_length,
            metrics.quantity,
            metrics.form,
            metrics.fraction,
            metrics.orientation
        )) as distances,
    from {{ ref('fct_zone_points') }} as points
    left join {{ ref('dim_measurements') }} as measurements using (cohort_id, measurement_id)
    left join {{ ref('metrics') }} as metrics using (metric)
    where
        points.is_default
        and points.target in ('composite', 'volume', 'direction')
    group by points.cohort_id, points.scoring, points.estimator
),

chunks as (
    select
        cohort_id,
        estimator,
        list(struct_pack(
            quant_id,
            corpus_id,
            context_length,
            chunk,
            n,
            kld_sum,
            nll_sum,
            delta_loss_sum,
            top1_agree_sum,
            delta_p_squared_sum,
            kld_buckets,
            kld_counts
        )) as chunks,
    from {{ ref('fct_chunks') }}
    group by cohort_id, estimator
),

answers as (
    {{ answers_of_cohorts() }}
),

-- one row per zone x measurement x target
redrawn as (
    select
        distances.cohort_id,
        distances.scoring,
        distances.estimator,
        unnest(two_level(
            distances.distances,
            chunks.chunks,
            answers.answers,
            {{ settings('n_resamples', 'seed', 'kld_buckets_per_efold') }}
        )) as answer,
    from distances
    left join chunks using (cohort_id, estimator)
    inner join answers using (cohort_id, scoring)
)

select
    cohort_id,
    scoring,
    answer.zone_rule,
    answer.threshold,
    answer.measurement_id,
    answer.variant,
    estimator,
    answer.target,
    answer.n,
    answer.rho,
    answer.low,
    answer.high,
    answer.drawn,
    answer.shrinkage,
    answer.reason,
from redrawn
