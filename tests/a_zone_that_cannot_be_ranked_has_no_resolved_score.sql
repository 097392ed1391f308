-- Where the prompts cannot rank a zone's quants no correlation with the composite may be called resolved there.
select zone_rule, threshold, measurement_id, correlations.verdict,
from {{ ref('stat_correlations') }} as correlations
inner join {{ ref('stat_zones') }} using (cohort_id, zone_rule, threshold)
where target = 'composite' and not is_rankable and correlations.verdict like 'resolved%'
