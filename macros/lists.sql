{# What a cohort has, as the lists of rows that statistics take: a row per cohort; of what scores
   decide, a row per cohort and scoring, for scores of two scorings are never compared. #}

{# The columns of fct_prompts that make an answer. #}
{% macro answers() -%}
    list(struct_pack(
        quant_id, benchmark_id, prompt_id, text_id, weight, score, score_ref
    ))
{%- endmacro %}

{# Answers to prompts and their scoring's margin; of whole suites: of quants that have every
   benchmark of their cohort. #}
{% macro answers_of_cohorts(whole_suites=false) -%}
    select
        cohort_id,
        scoring,
        {{ margin_of('scoring') }} as margin,
        {{ answers() }} as answers,
    from {{ ref('fct_prompts') }}
    {% if whole_suites -%}
    where (cohort_id, quant_id, scoring) in (
            select (whole.cohort_id, whole.quant_id, whole.scoring),
            from {{ ref('fct_composites') }} as whole
        )
    {% endif -%}
    group by cohort_id, scoring
{%- endmacro %}

{# Families of relatives, under both labellings. #}
{% macro families_of_cohorts() -%}
    select
        cohort_id,
        list(struct_pack(labelling, quant_id, family_id)) as families,
    from {{ ref('dim_families') }}
    group by cohort_id
{%- endmacro %}

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

{# Mean KLD of every quant on the first text. #}
{% macro klds_of_cohorts() -%}
    select
        cohort_id,
        list(struct_pack(quant_id, kld := kld_mean)) as quants,
    from {{ ref('fct_zone_members') }}
    where zone_rule = 'full'
    group by cohort_id
{%- endmacro %}

{# Chunks of texts by kind of figure. kinds: name -> (a chunk's total, its size). #}
{% macro chunks_of_cohorts(kinds) -%}
    select
        cohort_id,
        list(struct_pack(
            corpus_id, context_length, estimator, kind, quant_id, chunk, total, n
        )) as chunks,
    from (
        select
            cohort_id,
            corpus_id,
            context_length,
            estimator,
            quant_id,
            chunk,
            unnest(['{{ kinds | join("', '") }}']) as kind,
            unnest([{{ kinds.values() | map(attribute=0) | join(', ') }}]) as total,
            unnest([{{ kinds.values() | map(attribute=1) | join(', ') }}]) as n,
        from {{ ref('fct_chunks') }}
    )
    group by cohort_id
{%- endmacro %}
