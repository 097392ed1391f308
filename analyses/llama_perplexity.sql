select
    cohort_id,
    quant_id,
    corpus_id,
    context_length,
    statistic,
    value,
    error,
    unit,
from {{ ref('fct_llama_perplexity') }}
order by cohort_id, corpus_id, context_length, quant_id, line
