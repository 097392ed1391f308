-- What does the cohort show, finding by finding, and what could be resolved?
-- low and high: the 95 % interval, or, where a finding has many quants or pairs of them, their
-- smallest and largest figure. The zone is the default one; mean KLD is that of the first text.
-- noqa: disable=LT09
-- (a select has three parts: which finding, its figures, what they say)

-- one row per cohort x verdict: how many quants got it, and by which figures
with verdicts as (
    select cohort_id, verdict, count(*) as quants, list(difference) as differences,
    from stat_composites
    group by all
),

-- one row per quant x way to foretell failure; a figure of `useless` foretells nothing
foretold as (
    select
        cohort_id, unnest([10, 11, 12]) as place, unnest(['1', '1', '0.5']) as useless, unnest([
            'KLD of failed over passed prompts, pooled', 'the same within kinds of task',
            'AUROC within kinds of task (0.5 = no use)'
        ]) as finding,
        unnest([pooled_ratio, within_ratio, auroc_within]) as figure,
        unnest([pooled_low, within_low, auroc_within_low]) as low,
        unnest([pooled_high, within_high, auroc_within_high]) as high,
    from stat_prompt_failure
),

findings as (
    select
        cohort_id, 'rho of mean KLD and ' || target || if(
            zone_rule = 'full', ', full cohort', ', silent zone'
        ) as finding,
        list_position(['composite', 'volume', 'direction'], target)
        + case when zone_rule = 'full' then 0 when target = 'composite' then 3 else 5 end as place,
        quants.n, quants.rho as figure, quants.ci_low as low, quants.ci_high as high,
        quants.verdict || coalesce(if(
            quants.verdict like 'resolved%' and drawn.ci_low * drawn.ci_high <= 0,
            '; other prompts may not show it', '; with prompts and text drawn anew too'
        ) || printf(' [%.2f, %.2f]', drawn.ci_low, drawn.ci_high), '') as says,
    from stat_correlations as quants
    left join stat_zones as zones using (cohort_id, zone_rule, threshold)
    left join stat_two_level as drawn
        using (cohort_id, zone_rule, threshold, measurement_id, estimator, target)
    where quants.variant = 1
        and target in ('composite', 'volume', 'direction')
        and (zone_rule = 'full' or zones.is_default)
    union all by name
    select
        cohort_id, 5 as place, 'reliability of the zone''s scores' as finding,
        n_zone as n, reliability_halves as figure,
        case
            when is_rankable is null then 'no figure: ' || reason
            else if(is_rankable, 'these prompts can rank', 'these prompts cannot rank')
                || ' the zone' || coalesce(printf(
                    ' (p = %.3f that quants without a difference lie so far apart)', p_ranking
                ), '')
        end as says,
    from stat_zones
    where is_default
    union all by name
    select
        cohort_id, 6 as place, 'zone''s rho if the score fell in one straight line' as finding,
        n_zone as n, line_expected as figure, line_low as low, line_high as high,
        coalesce(
            verdict || printf(' (%.0f %% of such cohorts would tell)', 100 * resolvable),
            'no figure: ' || reason
        ) as says,
    from stat_zones
    where is_default
    union all by name
    select
        cohort_id, 9 as place, 'composite less the reference''s' as finding,
        sum(quants)::bigint as n, list_median(flatten(list(differences))) as figure,
        min(list_min(differences)) as low, max(list_max(differences)) as high,
        string_agg(quants || ' ' || verdict, ', ' order by quants desc, verdict asc) as says,
    from verdicts
    group by cohort_id
    union all by name
    select
        cohort_id, place, finding,
        count(figure) as n, median(figure) as figure, min(figure) as low, max(figure) as high,
        printf(
            '%d of %d quants above %s, %d below',
            count(*) filter (where foretold.low > useless::double), count(*), useless,
            count(*) filter (where foretold.high < useless::double)
        ) as says,
    from foretold
    group by cohort_id, place, finding, useless
    union all by name
    select
        cohort_id, if(other_cohort_id = cohort_id, 13, 14) as place,
        'prompts that divide two ' || if(other_cohort_id = cohort_id, 'quants', 'models')
        || ': the one of lower KLD is right' as finding,
        count(*) as n, median(raw_accuracy) as figure,
        min(raw_accuracy) as low, max(raw_accuracy) as high,
        'of ' || count(*) || ' pairs with 30 such prompts or more: '
        || count(*) filter (where raw_low > 0.5) || ' above 50 %, '
        || count(*) filter (where raw_high < 0.5) || ' below; beats always asking the better in '
        || count(*) filter (where raw_gain_low > 0) as says,
    from stat_routers
    where disagreements >= 30
    group by cohort_id, other_cohort_id = cohort_id
    union all by name
    select
        cohort_id, 15 as place,
        'rho of direction on tokens (' || corpus_id || ') and on the benchmarks' as finding,
        n, rho as figure, ci_low as low, ci_high as high, verdict as says,
    from stat_direction_agreement
    where measured = 'token_direction'
    qualify context_length = min(context_length) over (partition by cohort_id, corpus_id)
    union all by name
    select
        cohort_id, 16 as place, 'no row in ' || string_agg(table_name, ', ') as finding,
        reason as says,
    from stat_gaps
    group by cohort_id, reason
)

select cohort_id, finding, n, figure, low, high, says,
from findings
order by cohort_id, place, finding
