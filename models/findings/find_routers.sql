-- a pair is looked at from so many prompts on that divide it
{%- set fewest = var('router_prompts') %}
-- a pair of two models stands in the study of both
with pairs as (
    select
        *,
        unnest(list_distinct([cohort_id, other_cohort_id])) as of_cohort,
        other_cohort_id <> cohort_id as is_two_models,
        disagreements >= {{ var('router_prompts') }} as is_looked_at,
    from {{ ref('stat_routers') }}
    where kind in ('raw', 'within')
),

routed as (
    select
        of_cohort as cohort_id,
        is_two_models,
        kind,
        count(figure) filter (where is_looked_at) as n,
        median(figure) filter (where is_looked_at) as figure,
        -- who beats both of the two is above half, too
        count(*) filter (where is_looked_at and verdict in ('above_half', 'beats_both')) as above,
        count(*) filter (where is_looked_at and verdict = 'below_half') as below,
        count(*) filter (where is_looked_at and verdict = 'beats_both') as beat,
        min(detectable) filter (where is_looked_at) as detectable,
        max(disagreements) as most,
    from pairs
    group by all
)

select
    cohort_id,
    7 + 0.2 * is_two_models::integer + 0.1 * (kind = 'within')::integer as place,
    'prompts that divide two ' || if(is_two_models, 'models', 'quants')
    || ': the one of lower KLD is right'
    || if(kind = 'within', ', ranked within kinds of task', '') as finding,
    n,
    figure,
    null::double as low,
    null::double as high,
    'routers' as statistic,
    case
        when n = 0 then 'no_pairs'
        when above + below = 0 then 'pairs_cannot_tell'
        else 'pairs_told'
    end as verdict,
    map {
        'n': n::varchar,
        'fewest': '{{ var('router_prompts') }}',
        'above': above::varchar,
        'below': below::varchar,
        'beat': beat::varchar,
        'detectable': printf('%.0f %%', 100 * detectable),
        'most': most::varchar
    } as facts,
from routed
