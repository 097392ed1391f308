with compared as (
    select
        cohort_id,
        scoring,
        zone_rule,
        threshold,
        estimator,
        correlation_differences(
            list(struct_pack(quant_id, measurement_id, variant, target, uploader, x, y)),
            {{ settings('n_resamples', 'seed') }}
        ) as answers,
    from {{ ref('fct_zone_points') }}
    where
        is_default
        and target in ('composite', 'volume', 'direction')
    group by all
),

-- one row per two measurements x target
differences as (
    select
        cohort_id,
        scoring,
        zone_rule,
        threshold,
        estimator,
        unnest(answers) as answer,
    from compared
)

select
    cohort_id,
    scoring,
    zone_rule,
    threshold,
    estimator,
    answer.measurement_id,
    answer.other_measurement_id,
    answer.target,
    answer.n,
    answer.difference,
    answer.low,
    answer.high,
    answer.p,
    answer.reason,
from differences
