-- The quants of a cohort on its first text, the nearest first: how large, how far, with what error.
with nearest as (
    select
        quant_id,
        corpus_id,
        context_length,
        estimator,
        figure,
        token_error,
        chunks,
        letters,
        'kld_mean:' || corpus_id || ':' || context_length as measurement_id,
    from stat_text_groups
    where cohort_id = getvariable('cohort') and is_primary and kind = 'kld'
)

select
    quants.quant_id,
    quants.file_bytes as bytes,
    nearest.figure as kld_mean,
    coalesce(fidelity.standard_error, nearest.token_error) as kld_mean_se,
    nearest.letters as kld_letters,
    floors.noise_floor,
    nearest.chunks,
    nearest.corpus_id,
    nearest.context_length,
from dim_quants as quants
left join nearest using (quant_id)
left join fct_fidelity as fidelity
    on fidelity.cohort_id = getvariable('cohort')
    and nearest.quant_id = fidelity.quant_id
    and nearest.measurement_id = fidelity.measurement_id
    and nearest.estimator = fidelity.estimator
left join stat_above_floor as floors
    on floors.cohort_id = getvariable('cohort')
    and nearest.quant_id = floors.quant_id
    and nearest.corpus_id = floors.corpus_id
    and nearest.context_length = floors.context_length
    and nearest.estimator = floors.estimator
where quants.cohort_id = getvariable('cohort') and quants.role = 'quant'
order by nearest.figure, quants.quant_id
