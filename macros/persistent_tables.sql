{# Functions over tables that stay in the database, each kept once its tables are built. #}
{% macro persistent_tables() -%}
    {%- if
        is_built('fct_fidelity') and is_built('dim_measurements') and is_built('stat_above_floor')
    %}
    create or replace macro kld_summary(quant) as table
    select
        cohort_id,
        corpus_id,
        context_length,
        estimator,
        max(value) filter (where metric = 'kld_mean') as kld_mean,
        max(fidelity.standard_error) filter (where metric = 'kld_mean') as kld_mean_se,
        max(value) filter (where metric = 'kld_median') as kld_median,
        max(value) filter (where metric = 'kld_p99') as kld_p99,
        max(value) filter (where metric = 'kld_max') as kld_max,
        max(fidelity.n) as n,
        any_value(floors.noise_floor) as noise_floor,
    from main.fct_fidelity as fidelity
    inner join main.dim_measurements using (cohort_id, measurement_id, metric)
    left join main.stat_above_floor as floors
        using (cohort_id, corpus_id, context_length, estimator, quant_id)
    where quant_id = quant
    group by all
    order by all;
    comment on macro table kld_summary is 'the KLD of a quant on each text, nats';
    {%- endif %}

    {%- if is_built('fct_prompts') %}
    create or replace macro flips(cohort, quant) as table
    select
        benchmark_id,
        prompt_id,
        category,
        case when score > score_ref then 'leapfrog' else 'drop' end as flip,
        score_ref,
        score,
        kld_mean,
    from main.fct_prompts
    where cohort_id = cohort and quant_id = quant and scoring = 'answered' and score <> score_ref
    order by all;
    comment on macro table flips is 'prompts that either quant or reference alone gets right';
    {%- endif %}

    {%- if is_built('fct_prompts') and is_built('int_prompt_scores') %}
    create or replace macro answers(cohort, quant) as table
    select
        asked.benchmark_id,
        prompts.item,
        asked.category,
        prompts.prompt,
        prompts.expected,
        theirs.answer as answer_ref,
        mine.answer,
        asked.score_ref,
        asked.score,
    from main.fct_prompts as asked
    inner join main.int_benchmark_pairs as pairs using (run_id)
    inner join main.int_prompt_scores as mine using (run_id, benchmark_id, prompt_id, scoring)
    inner join main.int_prompt_scores as theirs
        on pairs.reference_run_id = theirs.run_id
        and asked.prompt_id = theirs.prompt_id
        and asked.scoring = theirs.scoring
    left join main.stg_prompts as prompts
        on pairs.reference_run_id = prompts.run_id
        and asked.prompt_id = prompts.prompt_id
    where asked.cohort_id = cohort and asked.quant_id = quant and asked.scoring = 'answered'
    order by
        asked.score = asked.score_ref,
        asked.score - asked.score_ref,
        asked.benchmark_id,
        asked.prompt_id;
    comment on macro table answers is
    'each prompt with both sides'' first answers: drops, then leapfrogs, then the rest';
    {%- endif %}

    {%- if is_built('int_tokens') %}
    create or replace macro worst_tokens(cohort, quant, most := 20) as table
    select
        corpus_id,
        context_length,
        chunk,
        position,
        token_id,
        top1_ref,
        top1,
        kld,
        delta_loss,
        token_flip,
    from main.int_tokens
    where cohort_id = cohort and quant_id = quant
    order by kld desc nulls last, corpus_id, context_length, chunk, position
    limit most;
    comment on macro table worst_tokens is 'the tokens of a quant with the largest KLD, nats';
    {%- endif %}
{% endmacro %}

{% macro is_built(name) %}
    {{ return(adapter.get_relation(target.database, target.schema, name) is not none) }}
{% endmacro %}
