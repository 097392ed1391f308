with answered as (
    select
        cohort_id,
        quant_id,
        difference as answered,
        difference_low as answered_low,
        difference_high as answered_high,
        standard_error as answered_error,
        verdict as answered_verdict,
    from {{ ref('stat_composites') }}
    where scoring = 'answered'
),

expected as (
    select
        composites.cohort_id,
        composites.quant_id,
        scorings.scoring,
        composites.difference as expected,
        composites.difference_low as expected_low,
        composites.difference_high as expected_high,
        composites.standard_error as expected_error,
        composites.verdict as expected_verdict,
    from {{ ref('stat_composites') }} as composites
    inner join {{ ref('dim_scorings') }} as scorings using (cohort_id, scoring)
    where scorings.is_default and scorings.scoring <> 'answered'
),

entropies as (
    select
        quants.cohort_id,
        quants.quant_id,
        avg(quants.entropy order by benchmark_id) as entropy,
        avg(reference.entropy order by benchmark_id) as entropy_ref,
    from {{ ref('fct_answer_losses') }} as quants
    inner join {{ ref('fct_answer_losses') }} as reference using (cohort_id, benchmark_id)
    where quants.role = 'quant' and reference.role = 'reference'
    group by all
),

klds as (
    select
        cohort_id,
        quant_id,
        kld_mean,
    from {{ ref('fct_zone_members') }}
    where zone_rule = 'full'
    group by all
)

select
    cohort_id,
    quant_id,
    klds.kld_mean,
    floors.noise_floor,
    answered.answered,
    answered.answered_low,
    answered.answered_high,
    answered.answered_error,
    answered.answered_verdict,
    expected.scoring,
    expected.expected,
    expected.expected_low,
    expected.expected_high,
    expected.expected_error,
    expected.expected_verdict,
    entropies.entropy,
    entropies.entropy_ref,
from answered
full join expected using (cohort_id, quant_id)
left join entropies using (cohort_id, quant_id)
left join klds using (cohort_id, quant_id)
left join {{ primary_floors() }} as floors using (cohort_id, quant_id)
order by cohort_id, klds.kld_mean nulls last, quant_id
