select
    runs.cohort_id,
    any_value(reference.quant_id) as reference_id,
    any_value(reference.file_type) as reference_file_type,
    any_value(reference.made_from) as reference_made_from,
    bool_and(
        case when reference.made_from is null then reference.block_levels > 16 else false end
    ) as reference_is_original,
    count(distinct runs.quant_id) filter (where runs.role = 'quant') as quants,
    any_value(texts.corpus_id) as primary_corpus,
    any_value(texts.context_length) as primary_context_length,
    count(distinct runs.benchmark_id) as benchmarks,
from {{ ref('stg_runs') }} as runs
left join {{ ref('dim_quants') }} as reference
    on runs.cohort_id = reference.cohort_id
    and reference.role = 'reference'
left join {{ ref('int_cohort_texts') }} as texts
    on runs.cohort_id = texts.cohort_id
    and texts.corpus_rank = 1
    and texts.context_rank = 1
group by runs.cohort_id
