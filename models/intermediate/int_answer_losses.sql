-- no two accepted answers are given at once, so that their probabilities add up: less the likeliest
-- one's, so that no power is too small for a number
with answers as (
    select
        *,
        max(logprob) over (partition by run_id, prompt_id) as likeliest,
    from {{ ref('stg_answer_logprobs') }}
    where temperature = 1
)

select
    run_id,
    benchmark_id,
    prompt_id,
    -any_value(likeliest) - ln(sum(exp(logprob - likeliest) order by answer_index)) as loss,
    min(bytes) as bytes,
    avg(entropy order by answer_index) as entropy,
    bool_or(greedy) as greedy,
from answers
group by all
having count(*) = count(logprob)  -- all logits are finite
