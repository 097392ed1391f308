{# Functions that stay in the database, in plain SQL, for what people type in any DuckDB shell.
   models/overview.md describes them. #}
{% macro persistent_macros() -%}
    create or replace macro perplexity(nll) as exp(avg(nll));
    comment on macro perplexity is 'exp of the mean NLL';

    create or replace macro spearman(xs, ys) as (
        select nullif(corr(ranks.x, ranks.y), 'nan'::double),
        from (
            select
                rank() over (order by x) + (count(*) over (partition by x) - 1) / 2 as x,
                rank() over (order by y) + (count(*) over (partition by y) - 1) / 2 as y,
            from (select unnest(xs) as x, unnest(ys) as y)
            where x is not null and y is not null
        ) as ranks
    );
    comment on macro spearman is
    'Spearman''s rho of two lists in one order; ties share their mean rank, NULLs are left out';

    create or replace macro wilson(hits, n) as list_transform(
        [{'hits': hits, 'n': nullif(n, 0), 'z': {{ normal_quantile('0.05') }}}],
        lambda told: {
            'share': told.hits / told.n,
            'low': greatest(0, (told.hits + told.z^2 / 2 - told.z * sqrt(
                told.hits * (told.n - told.hits) / told.n + told.z^2 / 4
            )) / (told.n + told.z^2)),
            'high': least(1, (told.hits + told.z^2 / 2 + told.z * sqrt(
                told.hits * (told.n - told.hits) / told.n + told.z^2 / 4
            )) / (told.n + told.z^2))
        }
    )[1];
    comment on macro wilson is
    'the share of hits among n with its 95 % interval; too narrow where hits go together';

    {{ persistent_tables() }}
{% endmacro %}
