-- Each side counts under the labelling that refuses it least. A labelling of one family, or of all
-- alone, is shown in stat_zone_nulls and not counted.
with sides as (
    select
        drawn.*,
        laws.families > 1 and laws.families < laws.n as divides,
    from {{ ref('stat_zone_nulls') }} as drawn
    inner join {{ ref('stat_zone_laws') }} as laws using (cohort_id, scoring, labelling)
),

worst as (
    select
        cohort_id,
        scoring,
        zone_rule,
        threshold,
        is_default,
        kind,
        any_value(n) as n,
        any_value(rho) as rho,
        min(reason) as reason,
        max(p) filter (where divides) as p,
        max(p_adjusted) filter (where divides) as p_adjusted,
        bool_and(verdict = 'refused') filter (where divides) as is_refused,
        min(verdict) filter (where verdict not in ('refused', 'not_refused')) as lack,
        bool_or(divides and labelling = 'declared') as is_declared,
    from sides
    group by all
),

-- the law that fits the zone best: the one whose nearer side is refused least
best as (
    select
        cohort_id,
        scoring,
        zone_rule,
        threshold,
        labelling,
        any_value(expected) as expected,
        any_value(expected_low) as expected_low,
        any_value(expected_high) as expected_high,
    from sides
    where kind in ('flatter', 'steeper')
    group by cohort_id, scoring, zone_rule, threshold, labelling, divides
    qualify
        row_number() over (
            partition by cohort_id, scoring, zone_rule, threshold
            order by divides desc, min(p) desc, labelling asc
        ) = 1
),

zones as (
    select
        worst.cohort_id,
        worst.scoring,
        worst.zone_rule,
        worst.threshold,
        worst.is_default,
        any_value(worst.n) as n,
        any_value(worst.rho) as rho,
        min(worst.reason) as reason,
        case
            when min(worst.lack) is not null then min(worst.lack)
            when not coalesce(any_value(onsets.kld_mean) <= {{ var('wreck_kld') }}, false)
            then 'no_loss_shown'
            when not bool_or(worst.is_declared) then 'undeclared'
            when bool_or(worst.kind = 'flatter' and worst.is_refused) then 'flatter'
            when bool_or(worst.kind = 'steeper' and worst.is_refused) then 'steeper'
            when bool_or(worst.kind = 'noise' and worst.is_refused) then 'falls'
            else 'cannot_tell'
        end as verdict,
        arg_min(worst.kind, (worst.p_adjusted, worst.p, worst.kind)) as nearest,
        map_from_entries(list((worst.kind, worst.p))) as p,
        map_from_entries(list((worst.kind, worst.p_adjusted))) as p_adjusted,
    from worst
    left join {{ ref('stat_loss_onsets') }} as onsets using (cohort_id, scoring)
    group by all
),

-- the side by which a zone is decided; where none decides, the one nearest to it
decided as (
    select
        *,
        case
            when verdict in ('flatter', 'steeper') then verdict
            when verdict = 'cannot_tell' then nearest
            else 'noise'
        end as side,
    from zones
)

select
    decided.cohort_id,
    decided.scoring,
    decided.zone_rule,
    decided.threshold,
    decided.is_default,
    decided.n,
    decided.rho,
    best.labelling,
    best.expected,
    best.expected_low,
    best.expected_high,
    decided.side,
    decided.p[decided.side] as p,
    decided.p_adjusted[decided.side] as p_adjusted,
    decided.verdict,
    decided.reason,
from decided
inner join best using (cohort_id, scoring, zone_rule, threshold)
