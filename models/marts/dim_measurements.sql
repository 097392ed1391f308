select
    texts.cohort_id,
    metrics.metric || ':' || texts.corpus_id || ':' || texts.context_length as measurement_id,
    metrics.metric,
    texts.corpus_id,
    texts.context_length,
    measurements.variant,
    metrics.label,
    metrics.unit,
    metrics.orientation,
from {{ ref('int_cohort_texts') }} as texts
cross join {{ ref('metrics') }} as metrics
left join {{ ref('measurements') }} as measurements
    on metrics.metric = measurements.metric
    and texts.corpus_rank = measurements.corpus_rank
    and texts.context_rank = measurements.context_rank
