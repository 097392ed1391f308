-- one row per run that qwh read token by token
with runs as (
    select
        cohort_id,
        corpus_id,
        context_length,
        estimator,
        quant_id,
        count(*) as chunks,
        min(n) as smallest_chunk,
        max(n) as largest_chunk,
        sum(kld_sum order by chunk) / nullif(sum(kld_n), 0) as kld,
        sum(nll_sum order by chunk) / nullif(sum(nll_n), 0) as loss,
        sum(top1_agree_n - top1_agree_sum) / nullif(sum(top1_agree_n), 0) as flips,
    from {{ ref('fct_chunks') }}
    group by all
),

read as (
    select *,
    from (unpivot runs on kld, loss, flips into name kind value figure)
),

-- the same of figures that another tool printed, with its error
printed as (
    select
        runs.cohort_id,
        runs.corpus_id,
        runs.context_length,
        runs.estimator,
        runs.quant_id,
        case summaries.metric when 'kld_mean' then 'kld' when 'ppl' then 'loss' else 'flips' end
            as kind,
        case summaries.metric
            when 'kld_mean' then summaries.value
            when 'ppl' then ln(summaries.value)
            else 1 - summaries.value
        end as figure,
        case summaries.metric
            when 'ppl' then summaries.standard_error / summaries.value
            else summaries.standard_error
        end as token_error,
        'printed figures only: no sums by chunk' as reason,
    from {{ ref('stg_summaries') }} as summaries
    inner join {{ ref('int_current_runs') }} as runs using (run_id)
    where runs.role = 'quant'
        and summaries.metric in ('kld_mean', 'ppl', 'top1_agreement')
),

figures as (
    select *,
    from read
    union all by name
    select *,
    from printed
),

-- of a text's scorers, the one by which most quants were read counts
scorers as (
    select
        cohort_id,
        corpus_id,
        context_length,
        estimator,
    from figures
    group by cohort_id, corpus_id, context_length, estimator
    qualify
        row_number() over (
            partition by cohort_id, corpus_id, context_length
            order by count(chunks) desc, count(*) desc, estimator asc
        ) = 1
)

select
    figures.cohort_id,
    figures.corpus_id,
    figures.context_length,
    figures.estimator,
    figures.kind,
    figures.quant_id,
    coalesce(
        figures.corpus_id = cohorts.primary_corpus
        and figures.context_length = cohorts.primary_context_length
        and scorers.estimator is not null,
        false
    ) as is_primary,
    figures.figure,
    figures.token_error,
    figures.chunks,
    figures.smallest_chunk,
    figures.largest_chunk,
    quants.file_bytes as bytes,
    figures.reason,
from figures
inner join {{ ref('dim_cohorts') }} as cohorts using (cohort_id)
left join scorers using (cohort_id, corpus_id, context_length, estimator)
left join {{ ref('dim_quants') }} as quants
    on figures.cohort_id = quants.cohort_id
    and figures.quant_id = quants.quant_id
    and quants.role = 'quant'
where figures.figure is not null
