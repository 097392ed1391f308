-- whether each prompt was answered rightly, mean over attempts
with answered as (
    select
        runs.cohort_id,
        runs.quant_id,
        runs.role,
        runs.benchmark_id,
        scores.prompt_id,
        scores.score,
    from {{ ref('int_prompt_scores') }} as scores
    inner join {{ ref('int_current_runs') }} as runs using (run_id)
    where scores.scoring = 'answered'
),

losses as (
    select
        runs.cohort_id,
        runs.quant_id,
        runs.role,
        runs.benchmark_id,
        losses.prompt_id,
        losses.loss,
        losses.bytes,
        losses.entropy,
        losses.greedy::integer as greedy,
    from {{ ref('int_answer_losses') }} as losses
    inner join {{ ref('int_current_runs') }} as runs using (run_id)
)

-- added in one order, on which the last bit of a sum depends
select
    cohort_id,
    quant_id,
    role,
    benchmark_id,
    count(*) as prompts,
    avg(losses.loss order by prompt_id) as loss,
    sqrt(var_samp(losses.loss order by prompt_id) / count(*)) as standard_error,
    sum(losses.loss order by prompt_id) / sum(losses.bytes) as loss_per_byte,
    avg(losses.entropy order by prompt_id) as entropy,
    avg(losses.greedy) as greedy_right,
    avg((losses.greedy = answered.score)::integer) filter (where answered.score is not null)
        as greedy_agrees,
from losses
left join answered using (cohort_id, quant_id, role, benchmark_id, prompt_id)
group by all
