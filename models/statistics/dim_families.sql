with quants as (
    select
        cohort_id,
        quant_id,
        uploader,
        imatrix,
        file_type,
        tensor_hashes,
    from {{ ref('dim_quants') }}
    where role = 'quant'
),

-- a quant has one family, whatever scores are asked about
answered as (
    select
        cohort_id,
        unnest(gain_families({{ answers() }})) as answer,
    from {{ ref('fct_prompts') }}
    inner join {{ ref('dim_scorings') }} as scorings using (cohort_id, scoring)
    where scorings.is_first
    group by cohort_id
),

found as (
    select
        cohort_id,
        answer.quant_id,
        answer.family_id,
        answer.because,
    from answered
),

said as (
    select
        cohort_id,
        unnest(declared_families(list(struct_pack(
            quant_id, uploader, imatrix, file_type, tensor_hashes
        )), {{ settings('declared_share') }})) as answer,
    from quants
    group by cohort_id
)

select
    quants.cohort_id,
    'gains' as labelling,
    quants.quant_id,
    found.family_id,
    coalesce(found.because, 'no answers per prompt') as because,
from quants
left join found using (cohort_id, quant_id)
union all by name
select
    cohort_id,
    'declared' as labelling,
    answer.quant_id,
    answer.family_id,
    answer.because,
from said
