-- the score of a prompt is the mean over its attempts, its answer that of the first
with answered as (
    select
        run_id,
        benchmark_id,
        prompt_id,
        'answered' as scoring,
        avg(score order by attempt) as score,
        count(*) as attempts,
        min_by(answer, attempt) as answer,
    from {{ ref('stg_samples') }}
    group by all
),

-- no two accepted answers are given at once, so that their probabilities add up
expected as (
    select
        answers.run_id,
        answers.benchmark_id,
        answers.prompt_id,
        {{ scoring_at("'expected'", 'answers.temperature') }} as scoring,
        least(sum(exp(answers.logprob) order by answers.answer_index), 1) as score,
    from {{ ref('stg_answer_logprobs') }} as answers
    inner join {{ ref('stg_runs') }} as runs using (run_id)
    where answers.tokens <= (runs.harness ->> '$.longest_answer')::integer
    group by all
    having count(*) = count(answers.logprob)  -- all logits are finite
),

likelihoods as (
    select
        run_id,
        benchmark_id,
        prompt_id,
        choice,
        is_right,
        unnest(['choices', 'choices_norm']) as kind,
        unnest([loglikelihood, loglikelihood / nullif(length, 0)]) as loglikelihood,
    from {{ ref('stg_choices') }}
),

-- less the likeliest choice's, so that no power is too small for a number
distances as (
    select
        *,
        loglikelihood
        - max(loglikelihood) over (partition by run_id, prompt_id, kind) as distance,
    from likelihoods
),

temperatures as (select unnest({{ var('temperatures') }}::double[]) as temperature),

chosen as (
    select
        distances.run_id,
        distances.benchmark_id,
        distances.prompt_id,
        {{ scoring_at('distances.kind', 'temperatures.temperature') }} as scoring,
        sum(
            exp(distances.distance / temperatures.temperature) * distances.is_right::integer
            order by distances.choice
        ) / sum(
            exp(distances.distance / temperatures.temperature) order by distances.choice
        ) as score,
    from distances
    cross join temperatures
    group by all
    having count(*) = count(distances.distance)  -- the length of every choice is known
)

select
    run_id,
    benchmark_id,
    prompt_id,
    scoring,
    score,
    attempts,
    answer,
from answered
union all by name
select
    run_id,
    benchmark_id,
    prompt_id,
    scoring,
    score,
    1 as attempts,
    null as answer,
from expected
union all by name
select
    run_id,
    benchmark_id,
    prompt_id,
    scoring,
    score,
    1 as attempts,
    null as answer,
from chosen
