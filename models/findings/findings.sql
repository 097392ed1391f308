{#- of these every scoring has its row, side by side; of all others the one that is told first -#}
{%- set by_scoring = {
    'pairs': [1, 1.5],
    'correlations': [3.1, 3.4],
    'zone': [4.1, 4.15],
    'composites': [5],
} -%}
{%- set topics = [
    'pairs',
    'correlations',
    'zone',
    'forecasts',
    'texts',
    'floor',
    'direction',
    'composites',
    'prompts',
    'routers',
    'gaps',
] -%}
with told as (
    {% for topic in topics -%}
        select
            cohort_id,
            {{
                'null' if topic in ('forecasts', 'texts', 'floor', 'gaps')
                else "'answered'" if topic in ('prompts', 'routers')
                else 'scoring'
            }} as scoring,
            place,
            finding,
            n,
            figure,
            low,
            high,
            statistic,
            verdict,
            facts,
            {% if topic in by_scoring -%}
                round(place, 2) in ({{ by_scoring[topic] | join(', ') }}) as is_by_scoring,
            {% else -%}
                false as is_by_scoring,
            {% endif -%}
        from {{ ref('find_' ~ topic) }}
        {% if not loop.last %}union all by name{% endif %}
    {% endfor %}
)

select
    told.cohort_id,
    told.scoring,
    told.place,
    told.finding,
    told.n,
    told.figure,
    told.low,
    told.high,
    told.statistic,
    told.verdict,
    told.facts,
from told
left join {{ ref('dim_scorings') }} as scorings using (cohort_id, scoring)
where told.is_by_scoring or coalesce(scorings.is_first, true)
