{# kind -> whose rows they are, of how many, and the figure; in the order of a card #}
{%- set kinds = {
    'quants': ('quants', 'null::bigint', 'quants'),
    'prompts': ('quants', 'benchmarks', 'prompts'),
    'volume': ('quants', 'quants', 'volume'),
    'standard_error': ('quants', 'quants', 'standard_error'),
    'not_inferior': ('quants', 'quants', 'not_inferior'),
    'told_apart': ('pairs', 'pairs', 'told_apart'),
    'resolvable': ('pairs', 'all_pairs', 'resolvable'),
    'prompts_needed': ('pairs', 'all_pairs', 'prompts_needed'),
} -%}
with quants as (
    select
        composites.cohort_id,
        composites.scoring,
        count(*) as quants,
        max(composites.prompts) as prompts,
        max(composites.benchmarks) as benchmarks,
        median(composites.volume) as volume,
        median(errors.standard_error) as standard_error,
        count(*) filter (where losses.verdict = 'not_inferior') as not_inferior,
    from {{ ref('fct_composites') }} as composites
    left join {{ ref('stat_composites') }} as errors using (cohort_id, quant_id, scoring)
    left join {{ ref('stat_candidates') }} as losses using (cohort_id, quant_id, scoring)
    group by composites.cohort_id, composites.scoring
),

pairs as (
    select
        cohort_id,
        scoring,
        count(*) filter (where not other_is_reference) as pairs,
        count(*) filter (
            where {{ resolves('p_adjusted') }} and not other_is_reference
        ) as told_apart,
        count(*) as all_pairs,
        median(resolvable) as resolvable,
        median(prompts_needed) as prompts_needed,
    from {{ ref('stat_pairs') }}
    group by cohort_id, scoring
),

figures as (
    {% for kind, (rows, n, figure) in kinds.items() -%}
        select
            cohort_id,
            scoring,
            {{ loop.index }} as place,
            '{{ kind }}' as kind,
            {{ n }} as n,
            {{ figure }}::double as figure,
        from {{ rows }}
        {% if not loop.last %}union all by name{% endif %}
    {% endfor %}
)

select
    cohort_id,
    scoring,
    place,
    kind,
    n,
    figure,
from figures
