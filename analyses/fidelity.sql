-- How far is each quant from the reference?
-- Primary text and context length of each cohort; KLD in nats, +- is the standard error clustered by chunk.
select
    fidelity.cohort_id,
    fidelity.quant_id,
    fidelity.estimator,
    round(any_value(quants.bits_per_weight), 2) as bits_per_weight,
    max(value) filter (where metric = 'kld_mean') as kld_mean,
    max(standard_error) filter (where metric = 'kld_mean') as kld_mean_se,
    max(value) filter (where metric = 'kld_median') as kld_median,
    max(value) filter (where metric = 'kld_p99') as kld_p99,
    max(value) filter (where metric = 'ppl') as ppl,
    max(value) filter (where metric = 'ln_ppl_ratio') as ln_ppl_ratio,
    max(standard_error) filter (where metric = 'ln_ppl_ratio') as ln_ppl_ratio_se,
    max(value) filter (where metric = 'top1_agreement') as top1_agreement,
    max(value) filter (where metric = 'dp_rms') as dp_rms,
    max(fidelity.n) as n,
    max(fidelity.nonfinite) as nonfinite,
from fct_fidelity as fidelity
inner join dim_cohorts as cohorts on fidelity.cohort_id = cohorts.cohort_id
inner join dim_quants as quants on fidelity.cohort_id = quants.cohort_id and fidelity.quant_id = quants.quant_id and quants.role = 'quant'
where ends_with(measurement_id, ':' || cohorts.primary_corpus || ':' || cohorts.primary_context_length)
group by fidelity.cohort_id, fidelity.quant_id, fidelity.estimator
order by fidelity.cohort_id, kld_mean
