{# Correlations of mean KLD on the first text, of the full cohort and in the default zone, by the
   estimator that has most quants: what the study and the published figures tell. #}
{% macro main_correlations() -%}
    select
        correlations.*,
        if(correlations.zone_rule = 'full', 'full', 'silent zone') as zone,
    from {{ ref('stat_correlations') }} as correlations
    left join {{ ref('dim_zone_rules') }} as rules using (zone_rule, threshold)
    where
        correlations.variant = 1
        and correlations.target in ('composite', 'volume', 'direction')
        and (correlations.zone_rule = 'full' or rules.is_default)
    qualify
        row_number() over (
            partition by
                correlations.cohort_id,
                correlations.scoring,
                correlations.zone_rule,
                correlations.target
            order by correlations.n desc, correlations.estimator asc
        ) = 1
{%- endmacro %}
