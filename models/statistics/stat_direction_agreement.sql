-- one row per quant x text
with directions as (
    select
        tokens.cohort_id,
        tokens.corpus_id,
        tokens.context_length,
        tokens.estimator,
        tokens.quant_id,
        tokens.improvement_share,
        tokens.direction as token_direction,
        composites.direction as benchmark_direction,
    from {{ ref('stat_token_direction') }} as tokens
    inner join {{ ref('fct_composites') }} as composites using (cohort_id, quant_id)
    where composites.direction is not null
),

correlated as (
    select
        cohort_id,
        corpus_id,
        context_length,
        estimator,
        measured,
        spearman(
            list(figure order by quant_id), list(benchmark_direction order by quant_id),
            {{ var('n_permutations') }}, {{ var('n_resamples') }}, {{ var('seed') }}
        ) as answer,
    from (
        unpivot directions on improvement_share, token_direction into name measured value figure
    )
    group by all
)

select
    cohort_id,
    corpus_id,
    context_length,
    estimator,
    measured,
    answer.n,
    answer.rho,
    answer.p_permutation,
    answer.ci_low,
    answer.ci_high,
    answer.minimum_rho,
    answer.reason,
    replace(
        correlation_verdict(
            answer.rho, answer.p_permutation, answer.ci_low, answer.ci_high,
            answer.minimum_rho, answer.n, answer.reason
        ),
        'with distance from the reference', 'with the token-level figure'
    ) as verdict,
from correlated
