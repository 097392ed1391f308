{# What a cohort's zones have, as the lists of rows that statistics take: a row per cohort and
   scoring. #}

{# Points of a zone, a row per estimator too, each with whether it is a KLD. #}
{% macro points_of_cohorts() -%}
    select
        points.cohort_id,
        points.estimator,
        points.scoring,
        list(struct_pack(
            zone_rule := points.zone_rule,
            threshold := points.threshold,
            measurement_id := points.measurement_id,
            target := points.target,
            quant_id := points.quant_id,
            x := points.x,
            y := points.y,
            doubles := coalesce(metrics.quantity = 'kld', false)
        )) as points,
    from {{ ref('fct_zone_points') }} as points
    left join {{ ref('dim_measurements') }} as measurements using (cohort_id, measurement_id)
    left join {{ ref('metrics') }} as metrics using (metric)
    group by all
{%- endmacro %}

{# A zone's quant and its scores: of every scoring where the zone goes by none. #}
{% macro of_one_scoring(members, scores) -%}
    {{ members }}.cohort_id = {{ scores }}.cohort_id
    and {{ members }}.quant_id = {{ scores }}.quant_id
    and coalesce({{ members }}.scoring, {{ scores }}.scoring) = {{ scores }}.scoring
{%- endmacro %}

{# Quants with a composite and their mean KLD on the first text, in the zones that a condition on
   their rule names; with scores also their composite, and whether they are members. #}
{% macro zones_of_cohorts(rules, scores=false) -%}
    select
        members.cohort_id,
        composites.scoring,
        list(struct_pack(
            zone_rule := members.zone_rule,
            threshold := members.threshold,
            quant_id := members.quant_id,
            kld := members.kld_mean,
            {% if scores -%}
            composite := composites.composite,
            is_member := members.is_member,
            {% endif -%}
            error := composites.standard_error
        )) as quants,
    from {{ ref('fct_zone_members') }} as members
    inner join {{ ref('fct_composites') }} as composites
        on {{ of_one_scoring('members', 'composites') }}
    where members.zone_rule {{ rules }}
    group by members.cohort_id, composites.scoring
{%- endmacro %}
