{%- set topics = [
    'pairs',
    'correlations',
    'zone',
    'texts',
    'direction',
    'composites',
    'prompts',
    'routers',
    'gaps',
] -%}
{% for topic in topics -%}
    select
        cohort_id,
        place,
        finding,
        n,
        figure,
        low,
        high,
        statistic,
        verdict,
        facts,
    from {{ ref('find_' ~ topic) }}
    {% if not loop.last %}union all by name{% endif %}
{% endfor %}
