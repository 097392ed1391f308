-- Each side counts under the labelling that refuses it least. A labelling of one family says
-- nothing of relatives.

-- cohorts with a declared labelling of more than one family
with declared as (
    select cohort_id,
    from {{ ref('stat_zone_laws') }}
    where labelling = 'declared'
        and families > 1
),

sides as (
    select
        cohort_id,
        zone_rule,
        threshold,
        is_default,
        kind,
        max(n) as n,
        max(p) as p,
        min(p) as least_p,
        max(p_adjusted) as p_adjusted,
        bool_and(verdict = 'refused') as is_refused,
        any_value(verdict) filter (where verdict not in ('refused', 'not_refused')) as no_verdict,
        any_value(rho) as rho,
        any_value(reason) as reason,
    from {{ ref('stat_zone_nulls') }}
    group by all
),

-- the law that fits the zone best: the one whose nearer side is refused least
laws as (
    select
        cohort_id,
        zone_rule,
        threshold,
        labelling,
        any_value(expected) as expected,
        any_value(expected_low) as expected_low,
        any_value(expected_high) as expected_high,
    from {{ ref('stat_zone_nulls') }}
    where kind in ('flatter', 'steeper')
    group by cohort_id, zone_rule, threshold, labelling
    qualify
        row_number() over (
            partition by cohort_id, zone_rule, threshold order by min(p) desc, labelling
        ) = 1
),

zones as (
    select
        sides.cohort_id,
        sides.zone_rule,
        sides.threshold,
        sides.is_default,
        any_value(sides.n) as n,
        any_value(sides.rho) as rho,
        any_value(sides.reason) as reason,
        case
            when any_value(sides.no_verdict) is not null then any_value(sides.no_verdict)
            when not bool_or(coalesce(onsets.kld_mean <= {{ var('wreck_kld') }}, false))
            then 'no_loss_shown'
            when not bool_or(declared.cohort_id is not null) then 'no_declared_families'
            when bool_or(sides.kind = 'flatter' and sides.is_refused) then 'flatter'
            when bool_or(sides.kind = 'steeper' and sides.is_refused) then 'steeper'
            when bool_or(sides.kind = 'noise' and sides.is_refused)
                -- a law that any labelling refuses, if for this zone alone, explains nothing
                and bool_and(sides.kind = 'noise' or sides.least_p > {{ alpha() }})
            then 'explained'
            else 'cannot_tell'
        end as verdict,
        map_from_entries(list((sides.kind, sides.p))) as p,
        map_from_entries(list((sides.kind, sides.p_adjusted))) as p_adjusted,
    from sides
    left join {{ ref('stat_loss_onsets') }} as onsets using (cohort_id)
    left join declared using (cohort_id)
    group by sides.cohort_id, sides.zone_rule, sides.threshold, sides.is_default
)

select
    zones.cohort_id,
    zones.zone_rule,
    zones.threshold,
    zones.is_default,
    zones.n,
    zones.rho,
    laws.labelling,
    laws.expected,
    laws.expected_low,
    laws.expected_high,
    -- of the side that was decided by, the fall beyond noise alone if by none
    zones.p[if(zones.verdict in ('flatter', 'steeper'), zones.verdict, 'noise')] as p,
    zones.p_adjusted[
        if(zones.verdict in ('flatter', 'steeper'), zones.verdict, 'noise')
    ] as p_adjusted,
    zones.verdict,
    zones.reason,
from zones
inner join laws using (cohort_id, zone_rule, threshold)
