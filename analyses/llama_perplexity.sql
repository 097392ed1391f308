-- What would llama-perplexity --kl-divergence have printed?
-- The lines of its summary, in its order and units, from our rows. Its errors take every token as
-- independent.
select
    cohort_id,
    quant_id,
    corpus_id,
    context_length,
    statistic,
    value,
    error,
    unit,
from fct_llama_perplexity
order by cohort_id, corpus_id, context_length, quant_id, line
