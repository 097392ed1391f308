-- what a chunk adds to each quantity that it has
with sums as (
    {% for name in quantities() -%}
        select
            run_id,
            chunk,
            '{{ name }}' as quantity,
            n_{{ name }} as n,
            sum_{{ name }} as total,
            sum_squares_{{ name }} as squares,
        from {{ ref('int_run_chunks') }}
        where n_{{ name }} > 0
        {% if not loop.last %}union all by name{% endif %}
    {% endfor %}
),

-- added in one order, on which the last bit of a sum depends
means as (
    select
        run_id,
        quantity,
        sum(total order by chunk) / sum(n) as mean,
        sum(n) as n,
        sum(squares order by chunk) as squares,
    from sums
    group by all
)

select
    run_id,
    quantity,
    means.mean,
    {{ ratio_error('sums.total', 'sums.n', 'means.mean', 'means.n') }} as standard_error,
    case
        when means.n > 1 then
            sqrt(greatest(means.squares / means.n - means.mean ** 2, 0) / (means.n - 1))
    end as standard_error_iid,
    means.n::bigint as n,
    count(*) as chunks,
from sums
inner join means using (run_id, quantity)
group by
    run_id,
    quantity,
    means.mean,
    means.n,
    means.squares
