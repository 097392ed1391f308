select
    cohort_id,
    split,
    kind,
    quant_id,
    n_event,
    n_other,
    figure,
    low,
    high,
    p_adjusted,
    verdict,
    reason,
from {{ ref('stat_prompt_failure') }}
where kind in ('ratio_within', 'auroc_within')
order by cohort_id, kind, split, quant_id
