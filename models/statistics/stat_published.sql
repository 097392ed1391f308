-- the quants whose figures are public by themselves
with public_quants as (
    select
        cohort_id,
        unnest(rank_correlations(
            list(struct_pack(
                quant_id,
                measurement_id := 'kld_mean',
                variant := 1,
                target := 'composite',
                uploader := null::varchar,
                x := kld_mean,
                y := composite
            )),
            {{ settings('n_permutations', 'n_resamples', 'seed') }}
        )) as answer,
    from {{ ref('published_quants') }}
    group by cohort_id
),

-- one's own: mean KLD, by the estimator that has most quants
own as (
    select correlations.*,
    from {{ ref('stat_correlations') }} as correlations
    left join {{ ref('zone_rules') }} as rules using (zone_rule, threshold)
    where
        correlations.variant = 1
        and correlations.target in ('composite', 'volume')
        and (correlations.zone_rule = 'full' or rules.is_default)
    qualify
        row_number() over (
            partition by correlations.cohort_id, correlations.zone_rule, correlations.target
            order by correlations.n desc, correlations.estimator asc
        ) = 1
),

figures as (
    select
        'paper' as source,
        cohort_id,
        zone,
        'rho' as kind,
        target,
        quants as n,
        quants_are as n_is,
        rho as figure,
        p_printed,
        known_correlation(struct_pack(n := quants, rho)) as known,
    from {{ ref('published_correlations') }}
    union all by name
    select
        'paper' as source,
        cohort_id,
        'public quants' as zone,
        'rho' as kind,
        answer.target,
        answer.n,
        'printed' as n_is,
        answer.rho as figure,
        struct_pack(
            p_t := answer.p_t,
            low := answer.low,
            high := answer.high,
            minimum_rho := answer.minimum_rho,
            reason := answer.reason
        ) as known,
    from public_quants
    union all by name
    -- what was printed of all models together
    select
        'paper' as source,
        models as cohort_id,
        'full' as zone,
        kind,
        n,
        'printed' as n_is,
        smallest,
        largest,
    from {{ ref('published_ranges') }}
    union all by name
    select
        'here' as source,
        cohort_id,
        if(zone_rule = 'full', 'full', 'silent zone') as zone,
        'rho' as kind,
        target,
        n,
        'counted' as n_is,
        rho as figure,
        struct_pack(p_t, low, high, minimum_rho, reason) as known,
    from own
)

select
    source,
    cohort_id,
    zone,
    kind,
    target,
    n,
    n_is,
    figure,
    smallest,
    largest,
    p_printed,
    known.p_t,
    known.low,
    known.high,
    known.minimum_rho,
    known.reason,
from figures
