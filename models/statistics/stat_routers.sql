-- the quants of a cohort are routed between, and the models that have a quant of one name
{%- set columns -%}
    cohort_id,
    quant_id,
    prompt_id := benchmark_id || '/' || prompt_id || ' ' || harness,
    kind_of_task := benchmark_id || '/' || category,
    text_id := benchmark_id || '/' || text_id,
    kld := kld_mean,
    score
{%- endset %}
{%- set drawn = settings('pass_mark', 'n_tosses', 'seed') %}
with prompts as (
    select
        cohort_id,
        quant_id,
        benchmark_id,
        harness,
        prompt_id,
        text_id,
        category,
        kld_mean,
        score,
        count(*) over (partition by quant_id, benchmark_id, harness, prompt_id) as models,
    from {{ ref('fct_prompts') }}
    where kld_mean is not null and scoring = 'answered'
),

pools as (
    select
        routers(
            list(struct_pack(pool_id := cohort_id, {{ columns }})), {{ drawn }}
        ) as found,
    from prompts
    group by cohort_id
    union all by name
    select
        routers(
            list(struct_pack(pool_id := quant_id, {{ columns }})) filter (where models > 1),
            {{ drawn }}
        ) as found,
    from prompts
),

answers as (select unnest(found) as answer, from pools)

select
    answer.cohort_id,
    answer.quant_id,
    answer.other_cohort_id,
    answer.other_quant_id,
    answer.kind,
    answer.disagreements,
    answer.first_right,
    answer.ties,
    answer.figure,
    answer.low,
    answer.high,
    answer.p,
    answer.p_adjusted,
    answer.detectable,
    answer.better,
    answer.gain,
    answer.gain_low,
    answer.gain_high,
    answer.gain_p,
    answer.gain_p_adjusted,
    answer.verdict,
    answer.reason,
from answers
