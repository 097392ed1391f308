with outcomes as (
    select
        *,
        leapfrog - dropped as gain,
    from {{ ref('int_prompt_outcomes') }}
),

-- added in one order, on which the last bit of a sum depends
totals as (
    select
        cohort_id,
        quant_id,
        benchmark_id,
        scoring,
        count(*) as prompts,
        avg(score_ref order by prompt_id) as score_ref,
        avg(score order by prompt_id) as score,
        sum(leapfrog order by prompt_id) as leapfrogs,
        sum(dropped order by prompt_id) as drops,
        sum(gain ** 2 order by prompt_id) as squares,
        count(*) filter (where other_wrong_answer) as other_wrong_answers,
        bool_and(scoring = 'answered' and leapfrog in (0, 1) and dropped in (0, 1)) as is_binary,
    from outcomes
    group by all
),

-- what each text's items gain together
gains as (
    select
        cohort_id,
        quant_id,
        benchmark_id,
        scoring,
        text_id,
        count(*) as items,
        sum(gain order by gain) as gain,
    from outcomes
    group by all
),

texts as (
    select
        cohort_id,
        quant_id,
        benchmark_id,
        scoring,
        count(*) as texts,
        sum(gain ** 2 order by gain) as squares_of_texts,
        sum(gain * items order by gain * items) as gain_by_items,
        sum(items ** 2) as squares_of_items,
    from gains
    group by all
),

-- squared errors of the mean gain by texts, by items, and if a text's items all did the same
measured as (
    select
        totals.*,
        texts.texts,
        (totals.leapfrogs - totals.drops) / totals.prompts as gain,
        texts.squares_of_texts - 2 * gain * texts.gain_by_items
        + gain ** 2 * texts.squares_of_items as together,
        totals.squares - totals.prompts * gain ** 2 as alone,
        texts.squares_of_items / totals.prompts as alike,
    from totals
    inner join texts using (cohort_id, quant_id, benchmark_id, scoring)
)

select
    cohort_id,
    quant_id,
    benchmark_id,
    scoring,
    prompts,
    texts,
    case
        when texts = prompts then 1
        when alone <= 1e-12 or texts < 2 then alike
        else greatest(1, round(together / alone, 12))
    end::double as design_effect,
    score_ref,
    score,
    leapfrogs,
    drops,
    (leapfrogs + drops) / prompts as volume,
    (leapfrogs - drops) / nullif(leapfrogs + drops, 0) as direction,
    leapfrogs / nullif(leapfrogs + drops, 0) as improvement_share,
    squares / prompts as squared_gain,
    if(scoring = 'answered', other_wrong_answers, null) as other_wrong_answers,
    case when is_binary then {{
        mcnemar_p('round(leapfrogs / design_effect)', 'round(drops / design_effect)')
    }} end as mcnemar_p,
from measured
