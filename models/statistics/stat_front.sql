-- one row per cohort: the sizes of its files
with files as (
    select
        cohort_id,
        list(struct_pack(quant_id, bytes := file_bytes::double)) as sizes,
    from {{ ref('dim_quants') }}
    where role = 'quant'
    group by cohort_id
),

answered as (
    {{ answers_of_cohorts(whole_suites=true) }}
),

placed as (
    select
        cohort_id,
        answered.scoring,
        front_places(
            answered.answers, files.sizes, {{ settings('n_resamples', 'seed') }}
        ) as found,
    from answered
    inner join files using (cohort_id)
),

unnested as (
    select
        cohort_id,
        scoring,
        unnest(found) as answer,
    from placed
),

places as (
    select
        cohort_id,
        scoring,
        answer.quant_id,
        answer.on_front,
        answer.beaten_by,
        answer.beaten_share,
    from unnested
),

harmed as (
    select
        cohort_id,
        scoring,
        quant_id,
        string_agg(benchmark_id, ', ' order by benchmark_id) as benchmarks,
    from {{ ref('stat_disagreements') }}
    where verdict = 'damaged'
    group by all
),

quants as (
    select
        cohort_id,
        scoring,
        quant_id,
        files.file_bytes as bytes,
        composites.composite,
        composites.volume,
        letters.letters,
        places.on_front,
        places.beaten_by,
        places.beaten_share,
        harmed.benchmarks as damaged_benchmarks,
        losses.verdict = 'not_inferior'
        and harmed.benchmarks is null
        and judged.verdict <> 'damaged' as is_candidate,
    from places
    inner join {{ ref('dim_quants') }} as files using (cohort_id, quant_id)
    inner join {{ ref('fct_composites') }} as composites using (cohort_id, quant_id, scoring)
    inner join {{ ref('stat_groups') }} as letters using (cohort_id, quant_id, scoring)
    inner join {{ ref('stat_candidates') }} as losses using (cohort_id, quant_id, scoring)
    inner join {{ ref('stat_composites') }} as judged using (cohort_id, quant_id, scoring)
    left join harmed using (cohort_id, quant_id, scoring)
    where files.role = 'quant'
)

select
    cohort_id,
    scoring,
    quant_id,
    bytes,
    composite,
    volume,
    letters,
    on_front,
    beaten_by,
    beaten_share,
    damaged_benchmarks,
    is_candidate,
    is_candidate
    and bytes is not null
    and row_number() over (
        partition by cohort_id, scoring
        order by is_candidate desc, bytes asc nulls last, composite desc, quant_id asc
    ) = 1 as is_picked,
from quants
