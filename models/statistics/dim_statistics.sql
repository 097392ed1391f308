with declared as (
    select unnest(statistic_fields()) as field,
)

select
    field.statistic,
    field.part,
    field.form,
    field.field,
    field.type,
    field.sentence,
from declared
