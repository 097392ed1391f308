with compared as (
    select
        prompts.cohort_id,
        composite_differences(
            list(struct_pack(
                prompts.quant_id,
                prompts.benchmark_id,
                prompts.prompt_id,
                prompts.text_id,
                prompts.weight,
                prompts.score,
                prompts.score_ref
            )),
            {{ settings('n_resamples', 'n_tosses', 'seed', 'margin') }}
        ) as found,
    from {{ ref('fct_prompts') }} as prompts
    -- quants with every benchmark of the cohort
    semi join {{ ref('fct_composites') }} using (cohort_id, quant_id)
    group by prompts.cohort_id
),

quants as (
    select
        cohort_id,
        unnest(found) as answer,
    from compared
)

select
    cohort_id,
    answer.quant_id,
    answer.difference,
    answer.standard_error,
    answer.difference_low,
    answer.difference_high,
    answer.p_different,
    answer.p_adjusted,
    answer.p_equivalent,
    answer.p_equivalent_adjusted,
    answer.p_not_inferior,
    answer.margin,
    answer.volume,
    answer.direction,
    answer.verdict,
    answer.reason,
from quants
