with ranks as (
    select
        *,
        count(p_adjusted) over (partition by cohort_id, scoring) as zones,
    from {{ ref('stat_zones') }}
    where kind = 'reliability_halves'
),

verdicts as (
    select
        *,
        count(p_adjusted) over (partition by cohort_id, scoring, zone_rule = 'kld_max') as zones,
    from {{ ref('stat_zone_verdicts') }}
),

flat as (  -- what rho would be in the zone if nothing were lost at all
    select
        cohort_id,
        scoring,
        zone_rule,
        threshold,
        labelling,
        expected_low,
        expected_high,
    from {{ ref('stat_zone_nulls') }}
    where kind = 'noise'
)

select
    cohort_id,
    scoring,
    4.1::double as place,
    'reliability of composites, silent zone' as finding,
    n,
    figure,
    low,
    high,
    'zones' as statistic,
    verdict,
    map {
        'n': n::varchar,
        'p_adjusted': coalesce(printf('%.2g', p_adjusted), 'unknown'),
        'zones': zones::varchar,
        'resolvable': coalesce(printf({{ points_form('scoring') }}, 100 * resolvable), 'unknown')
    } as facts,
from ranks
where is_default
union all by name
select
    cohort_id,
    scoring,
    4.15::double as place,
    'variance of a difference if answered over that by this scoring, silent zone' as finding,
    n,
    variance_ratio as figure,
    null::double as low,
    null::double as high,
    'variance_ratios' as statistic,
    'counted' as verdict,
    map {
        'n': n::varchar,
        'ratio': printf('%.3g', variance_ratio),
        'smallest': printf('%.3g', smallest),
        'largest': printf('%.3g', largest)
    } as facts,
from {{ ref('stat_variance_ratios') }}
where is_default and zone_rule <> 'full'
union all by name
select
    verdicts.cohort_id,
    verdicts.scoring,
    4.2::double as place,
    'rho of mean KLD and composite, silent zone, against one smooth law of the loss' as finding,
    verdicts.n,
    verdicts.rho as figure,
    null::double as low,
    null::double as high,
    'zone_verdicts' as statistic,
    verdicts.verdict,
    map {
        'n': verdicts.n::varchar,
        'low': coalesce(printf('%.2f', verdicts.expected_low), 'unknown'),
        'high': coalesce(printf('%.2f', verdicts.expected_high), 'unknown'),
        'flat_low': coalesce(printf('%.2f', flat.expected_low), 'unknown'),
        'flat_high': coalesce(printf('%.2f', flat.expected_high), 'unknown'),
        'p_adjusted': coalesce(printf('%.2g', verdicts.p_adjusted), 'unknown'),
        'zones': verdicts.zones::varchar,
        'drawn_by': if(verdicts.zone_rule = 'kld_max', 'KLD', 'score'),
        'side': if(
            verdicts.side = 'noise', 'below what no loss gives', verdicts.side || ' than the law'
        ),
        'wreck_kld': '{{ var('wreck_kld') }}',
        'reason': coalesce(verdicts.reason, '')
    } as facts,
from verdicts
left join flat using (cohort_id, scoring, zone_rule, threshold, labelling)
where verdicts.is_default
union all by name
select
    cohort_id,
    scoring,
    4.3::double as place,
    'lowest mean KLD with a shown loss of composite' as finding,
    n,
    kld_mean as figure,
    null::double as low,
    null::double as high,
    'loss_onsets' as statistic,
    verdict,
    map {
        'n': n::varchar,
        'prompts': prompts::varchar,
        'quant': coalesce(quant_id, 'none'),
        'kld': coalesce(printf('%.4f', kld_mean), 'unknown'),
        'p_adjusted': coalesce(printf('%.2g', p_adjusted), 'unknown'),
        'beyond': beyond::varchar,
        'not_shown': beyond_not_shown::varchar,
        'resolvable': coalesce(printf({{ points_form('scoring') }}, 100 * resolvable), 'unknown')
    } as facts,
from {{ ref('stat_loss_onsets') }}
