-- How large are the files of a cohort's quants, as far as that is known?
select
    quant_id,
    file_bytes as bytes,
from dim_quants
where cohort_id = getvariable('cohort') and role = 'quant' and file_bytes is not null
order by bytes, quant_id
