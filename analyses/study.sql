-- What does the cohort show, finding by finding, and what could be resolved?
-- One row per finding. low and high: the 95 % interval, or, where a finding has many quants or pairs of them, the smallest and the
-- largest of their figures. The zone is the default one; mean KLD is that of the first text.
with correlations as (
    select
        cohort_id,
        case target when 'composite' then 1 when 'volume' then 4 else 5 end + if(zone_rule = 'full', 0, 10) as rank,
        'rho of mean KLD and ' || target || if(zone_rule = 'full', ', full cohort', ', silent zone') as finding,
        quants.n,
        quants.rho as figure,
        quants.ci_low as low,
        quants.ci_high as high,
        verdict || coalesce(if(verdict like 'resolved%' and drawn.ci_low * drawn.ci_high <= 0, '; other prompts may not show it', '; with prompts and text drawn anew too') || printf(' [%.2f, %.2f]', drawn.ci_low, drawn.ci_high), '') as says,
    from stat_correlations as quants
    left join stat_two_level as drawn using (cohort_id, zone_rule, threshold, measurement_id, estimator, target)
    where quants.variant = 1 and target in ('composite', 'volume', 'direction') and (zone_rule = 'full' or (zone_rule, threshold) in (select (zone_rule, threshold) from stat_zones where is_default))
),

zones as (
    select cohort_id, 12 as rank, 'reliability of the zone''s scores' as finding, n_zone as n, reliability_halves as figure, null::double as low, null::double as high,
        if(is_rankable is null, 'no figure: ' || reason, if(is_rankable, 'these prompts can rank the zone', 'these prompts cannot rank the zone') || coalesce(printf(' (p = %.3f that quants without a difference lie so far apart)', p_ranking), '')) as says,
    from stat_zones
    where is_default
    union all
    select cohort_id, 13, 'zone''s rho if the score fell in one straight line', n_zone, line_expected, line_low, line_high, coalesce(verdict || ' (' || printf('%.0f', 100 * resolvable) || ' % of such cohorts would tell)', 'no figure: ' || reason),
    from stat_zones
    where is_default
),

composites as (
    select cohort_id, 20 as rank, 'composite less the reference''s' as finding, count(*) as n, median(difference) as figure, min(difference) as low, max(difference) as high,
        string_agg(quants || ' ' || verdict, ', ' order by quants desc, verdict) filter (where place = 1) as says,
    from (select *, count(*) over (partition by cohort_id, verdict) as quants, row_number() over (partition by cohort_id, verdict) as place, from stat_composites)
    group by cohort_id
),

prompts as (
    select cohort_id, 30 as rank, 'KLD of failed over passed prompts, pooled' as finding, count(pooled_ratio) as n, median(pooled_ratio) as figure, min(pooled_ratio) as low, max(pooled_ratio) as high,
        count(*) filter (where pooled_low > 1) || ' of ' || count(*) || ' quants above 1, ' || count(*) filter (where pooled_high < 1) || ' below' as says,
    from stat_prompt_failure
    group by cohort_id
    union all
    select cohort_id, 31, 'the same within kinds of task', count(within_ratio), median(within_ratio), min(within_ratio), max(within_ratio),
        count(*) filter (where within_low > 1) || ' of ' || count(*) || ' quants above 1, ' || count(*) filter (where within_high < 1) || ' below',
    from stat_prompt_failure
    group by cohort_id
    union all
    select cohort_id, 32, 'AUROC within kinds of task (0.5 = no use)', count(auroc_within), median(auroc_within), min(auroc_within), max(auroc_within),
        count(*) filter (where auroc_within_low > 0.5) || ' of ' || count(*) || ' quants above 0.5, ' || count(*) filter (where auroc_within_high < 0.5) || ' below',
    from stat_prompt_failure
    group by cohort_id
),

routers as (
    select cohort_id, if(other_cohort_id = cohort_id, 40, 41) as rank, 'prompts that divide two ' || if(other_cohort_id = cohort_id, 'quants', 'models') || ': the one of lower KLD is right' as finding, count(*) as n, median(raw_accuracy) as figure, min(raw_accuracy) as low, max(raw_accuracy) as high,
        'of ' || count(*) || ' pairs with 30 such prompts or more: ' || count(*) filter (where raw_low > 0.5) || ' above 50 %, ' || count(*) filter (where raw_high < 0.5) || ' below; beats always asking the better in ' || count(*) filter (where raw_gain_low > 0) as says,
    from stat_routers
    where disagreements >= 30
    group by cohort_id, other_cohort_id = cohort_id
),

tokens as (
    select cohort_id, 50 as rank, 'rho of direction on tokens (' || corpus_id || ') and on the benchmarks' as finding, n, rho as figure, ci_low as low, ci_high as high, verdict as says,
    from stat_direction_agreement
    where measured = 'token_direction'
    qualify context_length = min(context_length) over (partition by cohort_id)
)

select cohort_id, finding, n, figure, low, high, says,
from (from correlations union all by name from zones union all by name from composites union all by name from prompts union all by name from routers union all by name from tokens)
order by cohort_id, rank, finding
