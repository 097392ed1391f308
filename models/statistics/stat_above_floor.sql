with found as (
    select
        cohort_id,
        list(struct_pack(
            corpus_id,
            context_length,
            estimator,
            route,
            quant_id,
            chunk,
            total := kld_sum,
            floor := floor_sum * kld_n / floor_n,
            n := kld_n
        )) as chunks,
    from {{ ref('fct_floor_chunks') }}
    group by cohort_id
),

answered as (
    select
        cohort_id,
        unnest(above_floor(chunks, {{ settings('neighbour_correlation') }})) as answer,
    from found
)

select
    cohort_id,
    answer.corpus_id,
    answer.context_length,
    answer.estimator,
    answer.route,
    answer.quant_id,
    coalesce(
        answer.corpus_id = cohorts.primary_corpus
        and answer.context_length = cohorts.primary_context_length,
        false
    ) as is_primary,
    answer.chunks,
    answer.n,
    answer.difference,
    answer.standard_error,
    answer.low,
    answer.high,
    answer.p,
    answer.p_adjusted,
    answer.chunks_needed,
    answer.verdict,
    {{ noise_floor_word('answer.verdict') }} as noise_floor,
    answer.reason,
from answered
inner join {{ ref('dim_cohorts') }} as cohorts using (cohort_id)
