-- composite - composite_ref = volume x direction. A quotient times its divisor may miss by the last
-- bit of the larger score, no more.
select
    cohort_id,
    quant_id,
    scoring,
    composite,
    composite_ref,
    volume,
    direction,
from {{ ref('fct_composites') }}
where abs((composite - composite_ref) - coalesce(volume * direction, 0))
    > 2 * 2.220446049250313e-16 * greatest(1, abs(composite), abs(composite_ref))
