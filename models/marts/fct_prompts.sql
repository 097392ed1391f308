select
    outcomes.cohort_id,
    outcomes.quant_id,
    outcomes.benchmark_id,
    outcomes.prompt_id,
    outcomes.text_id,
    outcomes.category,
    runs.harness,
    outcomes.score_ref,
    outcomes.score,
    klds.kld_gmean,
    klds.kld_mean,
    klds.tokens,
    klds.prompt_tokens,
    klds.entropy_ref_mean,
    run_id,
from {{ ref('int_prompt_outcomes') }} as outcomes
inner join {{ ref('int_current_runs') }} as runs using (run_id)
left join {{ ref('int_prompt_kld') }} as klds using (run_id, prompt_id)
