-- How large are the files of a cohort's quants, as far as that is known?
select
    quant_id,
    file_bytes as bytes,
from dim_quants
where cohort_id = getvariable('cohort') and role = 'quant'
order by bytes nulls last, quant_id
