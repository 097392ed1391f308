select
    cohort_id,
    reason,
from {{ unbuilt() }}
