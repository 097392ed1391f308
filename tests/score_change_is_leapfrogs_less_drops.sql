-- score x prompts - score_ref x prompts = leapfrogs - drops, exactly: with scores of 0 or 1 all of them are whole numbers.
select cohort_id, quant_id, benchmark_id, sum(score) as passed, sum(score_ref) as passed_ref, sum(leapfrog) as leapfrogs, sum(dropped) as drops,
from {{ ref('int_prompt_outcomes') }}
group by all
having sum(score) - sum(score_ref) <> sum(leapfrog) - sum(dropped)
