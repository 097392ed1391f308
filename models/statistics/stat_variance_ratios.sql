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
        benchmark_id,
        any_value(weight) / sum(any_value(weight)) over (
            partition by cohort_id, scoring, quant_id
        ) as weight_share,
        var_pop(gain_answered order by gain_answered) / count(*) as squared_error_answered,
        var_pop(gain order by gain) / count(*) as squared_error,
    from gains
    group by cohort_id, scoring, quant_id, benchmark_id
),

-- squared errors of a composite's difference from the reference's
quants as (
    select
        cohort_id,
        scoring,
        quant_id,
        sum(weight_share ** 2 * squared_error_answered order by benchmark_id)
            as squared_error_answered,
        sum(weight_share ** 2 * squared_error order by benchmark_id) as squared_error,
    from benchmarks
    group by all
),

-- of quants that move at all by this scoring
ratios as (
    select
        *,
        squared_error_answered / squared_error as ratio,
    from quants
    where squared_error > 0
)

select
    members.cohort_id,
    ratios.scoring,
    members.zone_rule,
    members.threshold,
    any_value(members.is_default) as is_default,
    count(*) as n,
    median(ratios.ratio) as variance_ratio,
    min(ratios.ratio) as smallest,
    max(ratios.ratio) as largest,
    sum(ratios.squared_error_answered order by ratios.quant_id)
    / sum(ratios.squared_error order by ratios.quant_id) as ratio_of_means,
from {{ ref('fct_zone_members') }} as members
inner join ratios
    on {{ of_one_scoring('members', 'ratios') }}
where members.is_member
group by all
