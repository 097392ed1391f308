-- Where the prompts cannot rank a zone's quants no correlation with the composite may be called
-- resolved there.
select
    zone_rule,
    threshold,
    correlations.measurement_id,
    correlations.verdict,
from {{ ref('stat_correlations') }} as correlations
inner join {{ ref('stat_zones') }} as zones using (cohort_id, zone_rule, threshold)
where correlations.target = 'composite'
    and correlations.verdict like 'resolved%'
    and not zones.is_rankable
