-- a verdict is a code of its statistic in the seed verdicts
{% set tables = [
    'above_floor', 'candidates', 'composites', 'direction_agreement', 'disagreements',
    'equal_distance', 'equal_distance_pairs', 'forecast_differences', 'forecasts', 'loss_onsets',
    'losses', 'pairs', 'prompt_failure', 'prompt_failure_overall', 'routers', 'scaling',
    'text_pairs', 'token_direction', 'trends', 'zone_direction', 'zone_nulls', 'zone_verdicts',
    'zones'
] -%}
with said as (
    {% for table in tables -%}
        select distinct
            '{{ table }}' as statistic,
            verdict as code,
        from {{ ref('stat_' ~ table) }}
        union all by name
    {% endfor -%}
    select distinct
        statistic,
        verdict as code,
    from {{ ref('findings') }}
)

select
    statistic,
    code,
from said
anti join {{ ref('verdicts') }} using (statistic, code)
where code is not null
