select
    measured.measure,
    measured.sql,
    measured.orientation,
    len(measured.answers)::integer as quants,
    measured.reason,
from {{ measured() }} as measured
