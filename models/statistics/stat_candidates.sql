with judged as (
    select
        cohort_id,
        candidates(
            list(struct_pack(
                quant_id, benchmark_id, prompt_id, text_id, weight, score, score_ref
            )),
            {{ settings('n_tosses', 'seed', 'margin') }}
        ) as found,
    from {{ ref('fct_prompts') }}
    -- quants with every benchmark of the cohort
    where (cohort_id, quant_id) in (
            select (whole.cohort_id, whole.quant_id),
            from {{ ref('fct_composites') }} as whole
        )
    group by cohort_id
),

quants as (
    select
        cohort_id,
        unnest(found) as answer,
    from judged
)

select
    cohort_id,
    answer.quant_id,
    answer.difference,
    answer.margin,
    answer.p_not_inferior,
    answer.p_not_inferior_adjusted,
    answer.loss_bound,
    answer.prompts,
    answer.prompts_needed,
    answer.verdict,
from quants
