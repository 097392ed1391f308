-- with the quants whose figures are public by themselves
with published as (
    select
        cohort_id,
        zone,
        target,
        quants,
        quants_are,
        rho,
        p_printed,
    from {{ ref('published_correlations') }}
    union all by name
    select
        cohort_id,
        'public quants' as zone,
        'composite' as target,
        count(*) as quants,
        'printed' as quants_are,
    from {{ ref('published_quants') }}
    group by cohort_id
),

public_quants as (
    select
        cohort_id,
        'public quants' as zone,
        spearman(
            list(kld_mean order by quant_id), list(composite order by quant_id),
            {{ var('n_permutations') }}, {{ var('n_resamples') }}, {{ var('seed') }}
        ) as answer,
    from {{ ref('published_quants') }}
    group by cohort_id
),

recomputed as (
    select
        published.*,
        known_correlation(published.rho, published.quants) as known,
        public_quants.answer,
    from published
    left join public_quants using (cohort_id, zone)
)

select
    cohort_id,
    zone,
    target,
    coalesce(answer.n, quants) as n,
    quants_are as n_is,
    coalesce(answer.rho, rho) as rho,
    p_printed,
    coalesce(answer.p_t, known.p_t) as p_t,
    coalesce(answer.ci_low, known.low) as ci_low,
    coalesce(answer.ci_high, known.high) as ci_high,
    coalesce(answer.minimum_rho, known.minimum_rho) as minimum_rho,
    case when answer is null then known.reason else answer.reason end as reason,
from recomputed
