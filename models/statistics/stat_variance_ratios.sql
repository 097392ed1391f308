-- a quant's prompts that both scorings have: what it gains by each
with gains as (
    select
        fractions.cohort_id,
        fractions.scoring,
        fractions.quant_id,
        fractions.benchmark_id,
        fractions.weight,
        answered.score - answered.score_ref as gain_answered,
        fractions.score - fractions.score_ref as gain,
    from {{ ref('fct_prompts') }} as fractions
    inner join {{ ref('fct_prompts') }} as answered
        using (cohort_id, quant_id, benchmark_id, prompt_id)
    where answered.scoring = 'answered' and fractions.scoring <> 'answered'
),

benchmarks as (
    select
        cohort_id,
        scoring,
        quant_id,
        any_value(weight) / sum(any_value(weight)) over (
            partition by cohort_id, scoring, quant_id
        ) as share,
        var_pop(gain_answered) / count(*) as squared_error_answered,
        var_pop(gain) / count(*) as squared_error,
    from gains
    group by cohort_id, scoring, quant_id, benchmark_id
),

-- squared errors of a composite's difference from the reference's
quants as (
    select
        cohort_id,
        scoring,
        quant_id,
        sum(share ** 2 * squared_error_answered) as squared_error_answered,
        sum(share ** 2 * squared_error) as squared_error,
    from benchmarks
    group by all
)

select
    members.cohort_id,
    quants.scoring,
    members.zone_rule,
    members.threshold,
    any_value(members.is_default) as is_default,
    count(*) filter (where quants.squared_error > 0) as n,
    median(quants.squared_error_answered / quants.squared_error)
        filter (where quants.squared_error > 0) as variance_ratio,
    min(quants.squared_error_answered / quants.squared_error)
        filter (where quants.squared_error > 0) as smallest,
    max(quants.squared_error_answered / quants.squared_error)
        filter (where quants.squared_error > 0) as largest,
    sum(quants.squared_error_answered) / nullif(sum(quants.squared_error), 0) as ratio_of_means,
from {{ ref('fct_zone_members') }} as members
inner join quants
    on {{ of_one_scoring('members', 'quants') }}
where members.is_member
group by all
