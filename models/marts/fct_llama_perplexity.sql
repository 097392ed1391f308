with lines as (
    select
        run_id,
        n,
        unnest([
            {'line': 1, 'statistic': 'Mean PPL(Q)', 'unit': null, 'value': exp(nll), 'error': exp(nll) * nll_error},
            {'line': 2, 'statistic': 'Mean PPL(base)', 'unit': null, 'value': exp(nll_ref), 'error': exp(nll_ref) * nll_ref_error},
            {'line': 3, 'statistic': 'Cor(ln(PPL(Q)), ln(PPL(base)))', 'unit': '%', 'value': 100 * correlation, 'error': null},
            {'line': 4, 'statistic': 'Mean ln(PPL(Q)/PPL(base))', 'unit': 'nats', 'value': nll - nll_ref, 'error': ln_ratio_error},
            {'line': 5, 'statistic': 'Mean PPL(Q)/PPL(base)', 'unit': null, 'value': exp(nll - nll_ref), 'error': exp(nll - nll_ref) * ln_ratio_error},
            {'line': 6, 'statistic': 'Mean PPL(Q)-PPL(base)', 'unit': null, 'value': exp(nll) - exp(nll_ref), 'error': difference_error},
            {'line': 7, 'statistic': 'Mean KLD', 'unit': 'nats', 'value': kld, 'error': kld_error},
            {% for name in ['Maximum', '99.9%', '99.0%', '95.0%', '90.0%', none, 'Median', none, '10.0%', '5.0%', '1.0%', '0.1%', 'Minimum'] if name -%}
            {'line': {{ 7 + loop.index }}, 'statistic': '{{ name }} KLD', 'unit': 'nats', 'value': kld_percentiles[{{ [1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13][loop.index0] }}], 'error': null},
            {% endfor -%}
            {'line': 19, 'statistic': 'Mean Δp', 'unit': '%', 'value': 100 * delta_p, 'error': 100 * delta_p_error},
            {% for name in ['Maximum', '99.9%', '99.0%', '95.0%', '90.0%', '75.0%', 'Median', '25.0%', '10.0%', '5.0%', '1.0%', '0.1%', 'Minimum'] -%}
            {'line': {{ 19 + loop.index }}, 'statistic': '{{ name }} Δp', 'unit': '%', 'value': 100 * delta_p_percentiles[{{ loop.index }}], 'error': null},
            {% endfor -%}
            {'line': 33, 'statistic': 'RMS Δp', 'unit': '%', 'value': 100 * delta_p_rms, 'error': 100 * delta_p_rms_error},
            {'line': 34, 'statistic': 'Same top p', 'unit': '%', 'value': 100 * same_top, 'error': 100 * same_top_error},
        ], recursive := true),
    from {{ ref('int_llama_perplexity') }}
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
