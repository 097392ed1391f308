-- the quants that were tested and have a mean KLD
with tested as (
    select
        cohort_id,
        scoring,
        quant_id,
        kld_mean,
        prompts,
        p_adjusted,
        resolvable,
        verdict = 'loss' as is_shown,
    from {{ ref('stat_losses') }}
    where verdict != 'not_all'
        and isfinite(kld_mean)
),

onsets as (
    select
        cohort_id,
        scoring,
        max(prompts) as prompts,
        count(*) as n,
        count(*) filter (where is_shown) as shown,
        median(resolvable) as resolvable,
        min(kld_mean) filter (where is_shown) as kld_mean,
        arg_min(quant_id, (kld_mean, quant_id)) filter (where is_shown) as quant_id,
        arg_min(p_adjusted, (kld_mean, quant_id)) filter (where is_shown) as p_adjusted,
    from tested
    group by cohort_id, scoring
)

select
    onsets.cohort_id,
    onsets.scoring,
    onsets.prompts,
    onsets.n,
    onsets.shown,
    onsets.resolvable,
    onsets.kld_mean,
    onsets.quant_id,
    onsets.p_adjusted,
    count(*) filter (where tested.kld_mean > onsets.kld_mean) as beyond,
    count(*) filter (
        where tested.kld_mean > onsets.kld_mean
        and not tested.is_shown
    ) as beyond_not_shown,
    case
        when onsets.shown > 0 then 'loss_from'
        when onsets.resolvable is null then 'no_disagreement'
        else 'no_loss_shown'
    end as verdict,
from onsets
inner join tested using (cohort_id, scoring)
group by all
