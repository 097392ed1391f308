-- those of the seed, and the default one where it is none of them
with rules as (
    select
        zone_rule,
        threshold,
    from {{ ref('zone_rules') }}
    union
    select
        '{{ var('zone_rule') }}' as zone_rule,
        {{ var('zone_threshold') }}::double as threshold,
)

select
    zone_rule,
    threshold,
    zone_rule = '{{ var('zone_rule') }}'
    and threshold = {{ var('zone_threshold') }}::double as is_default,
from rules
