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
),

floors as (
    select
        cohort_id,
        answer.*,
    from answered
)

select
    cohort_id,
    floors.corpus_id,
    floors.context_length,
    floors.estimator,
    floors.route,
    floors.quant_id,
    coalesce(
        floors.corpus_id = cohorts.primary_corpus
        and floors.context_length = cohorts.primary_context_length,
        false
    ) as is_primary,
    floors.chunks,
    floors.n,
    floors.difference,
    floors.standard_error,
    floors.low,
    floors.high,
    floors.p,
    floors.p_adjusted,
    floors.chunks_needed,
    floors.verdict,
    {{ noise_floor_word('floors.verdict') }} as noise_floor,
    floors.reason,
from floors
inner join {{ ref('dim_cohorts') }} as cohorts using (cohort_id)
