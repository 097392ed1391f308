select
    printed.cohort_id,
    printed.quant_id,
    printed.corpus_id,
    printed.context_length,
    printed.statistic,
    printed.value,
    printed.error,
    printed.unit,
    floors.noise_floor,
from {{ ref('fct_llama_perplexity') }} as printed
left join {{ ref('llama_lines') }} as printed_lines using (line)
left join {{ ref('fct_fidelity') }} as fidelity
    on printed.run_id = fidelity.run_id
    and fidelity.metric = 'kld_mean'
    and starts_with(printed_lines.source, 'kld')
left join {{ ref('stat_above_floor') }} as floors
    on printed.cohort_id = floors.cohort_id
    and printed.quant_id = floors.quant_id
    and printed.corpus_id = floors.corpus_id
    and printed.context_length = floors.context_length
    and fidelity.estimator = floors.estimator
    and fidelity.route = floors.route
order by
    printed.cohort_id,
    printed.corpus_id,
    printed.context_length,
    printed.quant_id,
    printed.line
