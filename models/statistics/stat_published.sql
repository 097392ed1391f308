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

figures as (
    select
        'paper' as whose,
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
        'paper' as whose,
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
        'paper' as whose,
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
        'here' as whose,
        cohort_id,
        zone,
        kind,
        target,
        n,
        'counted' as n_is,
        figure,
        smallest,
        largest,
        struct_pack(p_t, low, high, minimum_rho, reason) as known,
    from {{ ref('stat_own_figures') }}
)

select
    whose,
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
