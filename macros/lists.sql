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
