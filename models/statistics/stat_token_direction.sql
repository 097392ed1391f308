{%- set z = 1.96 -%}  {# of a 95 % interval #}
-- one row per quant run
with figures as (
    select
        cohort_id,
        quant_id,
        run_id,
        any_value(value) filter (where metric = 'kld_mean') as kld_mean,
        any_value(value) filter (where metric = 'ln_ppl_ratio') as delta_loss,
        any_value(standard_error) filter (where metric = 'ln_ppl_ratio') as delta_loss_error,
        any_value(value) filter (where metric = 'token_direction') as direction,
        any_value(standard_error) filter (where metric = 'token_direction') as direction_error,
    from {{ ref('fct_fidelity') }}
    group by all
)

select
    flips.cohort_id,
    flips.quant_id,
    flips.corpus_id,
    flips.context_length,
    flips.estimator,
    flips.n,
    figures.delta_loss,
    figures.delta_loss_error,
    figures.kld_mean,
    figures.direction,
    figures.direction_error,
    case
        when figures.direction_error is null then 'one chunk: no error, no word'
        when figures.delta_loss + {{ z }} * figures.delta_loss_error < 0
        then 'lower loss than the reference'
        when figures.delta_loss - {{ z }} * figures.delta_loss_error <= 0
        then 'moved; a change of loss is not resolved'
        when figures.direction - {{ z }} * figures.direction_error > 0
        then 'worse than displacement alone'
        when figures.direction + {{ z }} * figures.direction_error < 0
        then 'partly towards the text'
        else 'as displacement alone'
    end as verdict,
    flips.token_volume,
    flips.benefits,
    flips.harms,
    flips.neutrals,
    flips.improvement_share,
    flips.improvement_share - {{ z }} * flips.share_error as share_low,
    flips.improvement_share + {{ z }} * flips.share_error as share_high,
from {{ ref('fct_token_flips') }} as flips
inner join figures using (cohort_id, quant_id, run_id)
