select
    runs.cohort_id,
    runs.quant_id,
    runs.corpus_id,
    klds.k,
    klds.floor,
    avg(klds.kld_topk::double) as kld_topk_mean,
    avg(klds.kld_lower::double) as kld_lower_mean,
    case
        when count(klds.kld_upper) = count(*) then avg(klds.kld_upper::double)
    end as kld_upper_mean,
    sum(klds.floored)::bigint as floored,
    count(*) as n,
    runs.run_id,
from {{ ref('stg_topk_klds') }} as klds
inner join {{ ref('int_current_runs') }} as runs using (run_id)
group by all
