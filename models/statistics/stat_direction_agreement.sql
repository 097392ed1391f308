with directions as (
    select
        cohort_id,
        list(struct_pack(
            corpus_id, context_length, estimator, measured := kind, quant_id, figure
        )) as directions,
    from {{ ref('stat_token_direction') }}
    where kind <> 'loss'
    group by cohort_id
),

answers as (
    {{ answers_of_cohorts() }}
),

-- one row per text x figure of its tokens
agreements as (
    select
        cohort_id,
        answers.scoring,
        unnest(direction_agreement(
            directions.directions,
            answers.answers,
            {{ settings('n_resamples', 'n_tosses', 'fewest_quants', 'seed') }}
        )) as answer,
    from directions
    inner join answers using (cohort_id)
)

select
    cohort_id,
    scoring,
    answer.corpus_id,
    answer.context_length,
    answer.estimator,
    answer.measured,
    answer.n,
    answer.prompts,
    answer.rho,
    answer.low,
    answer.high,
    answer.p,
    answer.p_adjusted,
    answer.verdict,
    answer.reason,
from agreements
