-- noqa: disable=LT09
with quants as (
    select
        composites.cohort_id,
        count(*) as quants,
        max(composites.prompts) as prompts,
        max(composites.benchmarks) as benchmarks,
        median(composites.volume) as volume,
        median(errors.standard_error) as standard_error,
        count(*) filter (where losses.verdict = 'not_inferior') as not_inferior,
    from {{ ref('fct_composites') }} as composites
    left join {{ ref('stat_composites') }} as errors using (cohort_id, quant_id)
    left join {{ ref('stat_candidates') }} as losses using (cohort_id, quant_id)
    group by composites.cohort_id
),

pairs as (
    select
        cohort_id,
        count(*) filter (where not other_is_reference) as pairs,
        count(*) filter (
            where {{ resolves('p_adjusted') }} and not other_is_reference
        ) as told_apart,
        count(*) as all_pairs,
        median(resolvable) as resolvable,
        median(prompts_needed) as prompts_needed,
    from {{ ref('stat_pairs') }}
    group by cohort_id
),

figures as (
    select cohort_id, 1 as place, 'quants' as kind, null::bigint as n, quants::double as figure,
    from quants
    union all by name
    select cohort_id, 2 as place, 'prompts' as kind, benchmarks as n, prompts::double as figure,
    from quants
    union all by name
    select cohort_id, 3 as place, 'volume' as kind, quants as n, volume as figure,
    from quants
    union all by name
    select
        cohort_id, 4 as place, 'standard_error' as kind, quants as n, standard_error as figure,
    from quants
    union all by name
    select cohort_id, 5 as place, 'not_inferior' as kind, quants as n, not_inferior as figure,
    from quants
    union all by name
    select cohort_id, 6 as place, 'told_apart' as kind, pairs as n, told_apart as figure,
    from pairs
    union all by name
    select cohort_id, 7 as place, 'resolvable' as kind, all_pairs as n, resolvable as figure,
    from pairs
    union all by name
    select
        cohort_id, 8 as place, 'prompts_needed' as kind, all_pairs as n, prompts_needed as figure,
    from pairs
)

select
    cohort_id,
    place,
    kind,
    n,
    figure,
from figures
