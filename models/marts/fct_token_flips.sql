with totals as (
    select
        run_id,
        sum(n) as n,
        sum(benefits) as benefits,
        sum(harms) as harms,
        sum(neutrals) as neutrals,
        sum(benefits) / nullif(sum(benefits + harms), 0) as improvement_share,
    from {{ ref('int_run_chunks') }}
    group by run_id
),

errors as (
    select
        run_id,
        {{ ratio_error(
            'chunks.benefits', '(chunks.benefits + chunks.harms)', 'totals.improvement_share',
            'nullif(any_value(totals.benefits + totals.harms), 0)'
        ) }} as share_error,
    from {{ ref('int_run_chunks') }} as chunks
    inner join totals using (run_id)
    group by run_id
)

select
    runs.cohort_id,
    runs.quant_id,
    runs.corpus_id,
    runs.context_length,
    runs.estimator,
    totals.n::bigint as n,
    totals.benefits::bigint as benefits,
    totals.harms::bigint as harms,
    totals.neutrals::bigint as neutrals,
    (totals.benefits + totals.harms + totals.neutrals) / totals.n as token_volume,
    totals.improvement_share,
    errors.share_error,
    runs.run_id,
from totals
inner join errors using (run_id)
inner join {{ ref('int_current_runs') }} as runs using (run_id)
where runs.task = 'corpus'
    and totals.n > 0
