with runs as (
    select
        runs.run_id,
        runs.cohort_id,
        runs.quant_id,
        runs.role,
        runs.task,
        runs.benchmark_id,
        runs.harness,
        pairs.reference_run_id,
    from {{ ref('int_current_runs') }} as runs
    left join {{ ref('int_benchmark_pairs') }} as pairs using (run_id)
    where runs.task in ('benchmark', 'answers')
),

-- one row per run x prompt x scoring
answers as (
    select
        run_id,
        prompt_id,
        scores.scoring,
        prompts.item,
        prompts.category,
    from {{ ref('int_prompt_scores') }} as scores
    left join {{ ref('stg_prompts') }} as prompts using (run_id, prompt_id)
),

-- runs without a partner, and which facts keep each apart from the reference's run, if there is one
alone as (
    select
        runs.*,
        case
            when reference.run_id is null then 'the reference has no run of this benchmark'
            else
                'harness facts differ: ' || array_to_string(list_filter(
                    list_distinct(json_keys(runs.harness) || json_keys(reference.harness)),
                    lambda fact: json_extract(runs.harness, '$."' || fact || '"')
                    is distinct from json_extract(reference.harness, '$."' || fact || '"')
                ), ', ')
        end as reason,
    from runs
    left join runs as reference
        on runs.cohort_id = reference.cohort_id
        and runs.task = reference.task
        and runs.benchmark_id = reference.benchmark_id
        and reference.role = 'reference'
    where runs.role = 'quant'
        and runs.reference_run_id is null
)

select
    alone.cohort_id,
    alone.quant_id,
    alone.benchmark_id,
    answers.scoring,
    'quant' as answered_by,
    answers.item,
    answers.prompt_id,
    alone.reason,
    null::varchar as first_difference,
from alone
inner join answers using (run_id)
union all by name
select
    runs.cohort_id,
    runs.quant_id,
    runs.benchmark_id,
    quants.scoring,
    'quant' as answered_by,
    quants.item,
    quants.prompt_id,
    case
        when differences.run_id is null then {{ not_scored('the reference', 'quants.scoring') }}
        else {{ other_text('the reference') }}
    end as reason,
    differences.own_text || ' / ' || differences.other_text as first_difference,
from runs
inner join answers as quants
    on runs.run_id = quants.run_id
left join answers as reference
    on runs.reference_run_id = reference.run_id
    and quants.prompt_id = reference.prompt_id
    and quants.scoring = reference.scoring
left join {{ ref('int_reworded_items') }} as differences
    on runs.run_id = differences.run_id
    and quants.item = differences.item
    and quants.category is not distinct from differences.category
where runs.reference_run_id is not null
    and reference.run_id is null
union all by name
select
    runs.cohort_id,
    runs.quant_id,
    runs.benchmark_id,
    reference.scoring,
    'reference' as answered_by,
    reference.item,
    reference.prompt_id,
    case
        when differences.run_id is null then {{ not_scored('the quant', 'reference.scoring') }}
        else {{ other_text('the quant') }}
    end as reason,
    differences.other_text || ' / ' || differences.own_text as first_difference,
from runs
inner join answers as reference
    on runs.reference_run_id = reference.run_id
left join answers as quants
    on runs.run_id = quants.run_id
    and reference.prompt_id = quants.prompt_id
    and reference.scoring = quants.scoring
left join {{ ref('int_reworded_items') }} as differences
    on runs.run_id = differences.run_id
    and reference.item = differences.item
    and reference.category is not distinct from differences.category
where quants.run_id is null
