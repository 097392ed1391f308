-- fractions become per cent where llama-perplexity prints them so
with lines as (
    select
        figures.run_id,
        figures.n,
        printed.line,
        printed.statistic,
        printed.unit,
        case printed.source
            when 'ppl' then exp(figures.nll)
            when 'ppl_ref' then exp(figures.nll_ref)
            when 'correlation' then 100 * figures.correlation
            when 'ln_ppl_ratio' then figures.nll - figures.nll_ref
            when 'ppl_ratio' then exp(figures.nll - figures.nll_ref)
            when 'ppl_difference' then exp(figures.nll) - exp(figures.nll_ref)
            when 'kld' then figures.kld
            when 'kld_percentile' then figures.kld_percentiles[printed.fraction]
            when 'delta_p' then 100 * figures.delta_p
            when 'delta_p_percentile' then 100 * figures.delta_p_percentiles[printed.fraction]
            when 'delta_p_rms' then 100 * figures.delta_p_rms
            when 'same_top' then 100 * figures.same_top
        end as value,
        case printed.source
            when 'ppl' then exp(figures.nll) * figures.nll_error
            when 'ppl_ref' then exp(figures.nll_ref) * figures.nll_ref_error
            when 'ln_ppl_ratio' then figures.ln_ratio_error
            when 'ppl_ratio' then exp(figures.nll - figures.nll_ref) * figures.ln_ratio_error
            when 'ppl_difference' then figures.difference_error
            when 'kld' then figures.kld_error
            when 'delta_p' then 100 * figures.delta_p_error
            when 'delta_p_rms' then 100 * figures.delta_p_rms_error
            when 'same_top' then 100 * figures.same_top_error
        end as error,
    from {{ ref('int_llama_perplexity') }} as figures
    cross join {{ ref('llama_lines') }} as printed
)

select
    runs.cohort_id,
    runs.quant_id,
    runs.corpus_id,
    runs.context_length,
    lines.line,
    lines.statistic,
    lines.unit,
    lines.value,
    lines.error,
    lines.n,
    runs.run_id,
from lines
inner join {{ ref('int_current_runs') }} as runs using (run_id)
