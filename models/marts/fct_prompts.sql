select
    outcomes.cohort_id,
    outcomes.quant_id,
    outcomes.benchmark_id,
    outcomes.prompt_id,
    outcomes.scoring,
    outcomes.text_id,
    outcomes.category,
    runs.harness,
    weights.weight,
    outcomes.score_ref,
    outcomes.score,
    klds.kld_gmean,
    klds.kld_mean,
    klds.tokens,
    klds.prompt_tokens,
    klds.entropy_ref_mean,
    outcomes.run_id,
from {{ ref('int_prompt_outcomes') }} as outcomes
inner join {{ ref('int_current_runs') }} as runs using (run_id)
inner join {{ ref('int_benchmark_weights') }} as weights
    on outcomes.benchmark_id = weights.benchmark_id
left join {{ ref('int_prompt_kld') }} as klds
    on outcomes.run_id = klds.run_id
    and outcomes.prompt_id = klds.prompt_id
    and outcomes.scoring = 'answered'
