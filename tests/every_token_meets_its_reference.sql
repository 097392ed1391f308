-- No token row is lost on the way to int_tokens: each meets exactly one row of its reference's run.
select tokens.run_id, count(*) as lost
from {{ ref('stg_tokens') }} as tokens
left join {{ ref('int_tokens') }} as wide using (run_id, chunk, position)
where wide.run_id is null
group by all
