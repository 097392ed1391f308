{# What every statistic over several scorings takes, a row per cohort. #}

{# Scores of prompts by every scoring; with losses also those on the right answer, as the scoring
   loss, turned: larger where the right answer is likelier. #}
{% macro scored_of_cohorts(losses=false) -%}
    select
        cohort_id,
        list(struct_pack(
            scoring, quant_id, benchmark_id, prompt_id, text_id, weight, score, score_ref
        )) as scored,
    from (
        select
            cohort_id,
            scoring,
            quant_id,
            benchmark_id,
            prompt_id,
            text_id,
            weight,
            score,
            score_ref,
        from {{ ref('fct_prompts') }}
    {% if losses -%}
        union all by name
        select
            cohort_id,
            'loss' as scoring,
            quant_id,
            benchmark_id,
            prompt_id,
            text_id,
            weight,
            -loss as score,
            -loss_ref as score_ref,
        from {{ ref('fct_prompt_losses') }}
    {% endif -%}
    )
    group by cohort_id
{%- endmacro %}

{# Measurements of the quants of every zone that no score draws. One estimator measures all of a
   cohort's quants: the one that has most of them, the first by name. #}
{% macro measured_zones_of_cohorts() -%}
    select
        cohort_id,
        list(struct_pack(
            zone_rule, threshold, variant, measurement_id, quant_id, x
        )) as measured,
    from (
        select distinct
            cohort_id,
            zone_rule,
            threshold,
            variant::bigint as variant,
            measurement_id,
            quant_id,
            x,
        from {{ ref('fct_zone_points') }}
        where zone_rule in ('full', 'kld_max')
            and (cohort_id, measurement_id, estimator) in (
                select (counted.cohort_id, counted.measurement_id, counted.estimator),
                from (
                    select
                        cohort_id,
                        measurement_id,
                        estimator,
                        count(distinct quant_id) as quants,
                    from {{ ref('fct_zone_points') }}
                    where zone_rule = 'full'
                    group by cohort_id, measurement_id, estimator
                    qualify
                        row_number() over (
                            partition by cohort_id, measurement_id
                            order by quants desc, estimator asc
                        ) = 1
                ) as counted
            )
    )
    group by cohort_id
{%- endmacro %}

{# A row per answer of a statistic on what forecasts pass/fail. #}
{% macro foretold_of_cohorts(statistic) -%}
    select
        scored.cohort_id,
        unnest({{ statistic }}(
            scored.scored, measured.measured, labelled.families,
            {{ settings('n_splits', 'n_tosses', 'fewest_quants', 'seed') }}
        )) as answer,
    from (
        {{ scored_of_cohorts(losses=true) }}
    ) as scored
    inner join (
        {{ measured_zones_of_cohorts() }}
    ) as measured using (cohort_id)
    left join (
        {{ families_of_cohorts() }}
    ) as labelled using (cohort_id)
{%- endmacro %}
