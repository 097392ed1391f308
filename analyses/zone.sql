select
    verdicts.cohort_id,
    verdicts.scoring,
    verdicts.zone_rule,
    verdicts.threshold,
    verdicts.n,
    verdicts.rho,
    verdicts.expected,
    verdicts.expected_low,
    verdicts.expected_high,
    verdicts.p_adjusted,
    verdicts.verdict,
    zones.figure as reliability,
    zones.p_adjusted as p_ranking,
    zones.verdict as ranking,
from {{ ref('stat_zone_verdicts') }} as verdicts
left join {{ ref('stat_zones') }} as zones
    on
    verdicts.cohort_id = zones.cohort_id
    and verdicts.scoring = zones.scoring
    and verdicts.zone_rule = zones.zone_rule
    and verdicts.threshold = zones.threshold
    and zones.kind = 'reliability_halves'
order by verdicts.cohort_id, verdicts.scoring, verdicts.zone_rule, verdicts.threshold
