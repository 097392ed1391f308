with quants as (
    select
        cohort_id,
        scoring,
        count(*) as quants,
        count(*) filter (where verdict in ('damaged', 'better')) as resolved,
    from {{ ref('stat_composites') }}
    group by all
),

pairs as (
    select
        cohort_id,
        scoring,
        n as pairs,
        figure as told_apart,
    from {{ ref('stat_cards') }}
    where kind = 'told_apart'
)

select
    cohort_id,
    scoring,
    scorings.margin,
    scorings.is_default,
    scorings.prompts,
    ratios.variance_ratio,
    ranks.figure as reliability,
    laws.rho,
    quants.quants,
    quants.resolved,
    pairs.pairs,
    pairs.told_apart,
    equals.pairs as equal_pairs,
    equals.differ as equal_differ,
from {{ ref('dim_scorings') }} as scorings
left join quants using (cohort_id, scoring)
left join pairs using (cohort_id, scoring)
left join {{ ref('stat_equal_distance') }} as equals using (cohort_id, scoring)
left join {{ ref('stat_zones') }} as ranks
    on
    scorings.cohort_id = ranks.cohort_id
    and scorings.scoring = ranks.scoring
    and ranks.is_default
    and ranks.kind = 'reliability_halves'
left join {{ ref('stat_zone_verdicts') }} as laws
    on
    scorings.cohort_id = laws.cohort_id
    and scorings.scoring = laws.scoring
    and laws.is_default
left join {{ ref('stat_variance_ratios') }} as ratios
    on
    scorings.cohort_id = ratios.cohort_id
    and scorings.scoring = ratios.scoring
    and ratios.is_default
    and ratios.zone_rule <> 'full'
order by scorings.cohort_id, scorings.scoring
