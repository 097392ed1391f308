-- per quant: whether it shows by itself what the cohort shows
with alone as (
    select
        cohort_id,
        split,
        kind,
        min(figure) as smallest,
        max(figure) as largest,
        count(*) filter (where verdict in ('higher', 'lower')) as told,
    from {{ ref('stat_prompt_failure') }}
    group by all
),

-- of all failures, those of prompts that the reference fails too
failures as (
    select
        cohort_id,
        1 - sum(n_event) filter (where split = 'drop') / sum(n_event) filter (where split = 'all')
            as shared,
    from {{ ref('stat_prompt_failure') }}
    where kind = 'ratio_pooled'
    group by cohort_id
),

places (split, kind, place, finding) as (
    values
    ('drop', 'auroc_within', 6.1, 'AUROC of KLD for drops among prompts that the reference passes'),
    ('drop', 'ratio_within', 6.2, 'KLD of dropped over kept prompts'),
    (
        'drop', 'ratio_same_prompt', 6.3,
        'KLD of quants that drop a prompt over those that keep it'
    ),
    (
        'leapfrog', 'auroc_within', 6.4,
        'AUROC of KLD for leapfrogs among prompts that the reference fails'
    ),
    ('leapfrog', 'ratio_within', 6.5, 'KLD of leapfrogged over still wrong prompts'),
    ('reference', 'auroc_within', 6.6, 'AUROC of KLD for the reference''s own failures'),
    ('reference', 'ratio_within', 6.7, 'KLD of prompts that the reference fails over passes'),
    ('all', 'auroc_within', 6.8, 'AUROC of KLD for all failures'),
    ('all', 'ratio_within', 6.9, 'KLD of failed over passed prompts'),
),

foretold as (
    select
        overall.cohort_id,
        places.place,
        places.finding
        || if(overall.kind = 'ratio_same_prompt', '', ', within kinds of task, median quant')
            as finding,
        overall.quants as n,
        overall.figure,
        overall.low,
        overall.high,
        'prompt_failure_overall' as statistic,
        overall.verdict,
        map {
            'p_adjusted': printf('%.2g', overall.p_adjusted),
            'detectable': printf('%.2f', overall.detectable),
            'prompts': overall.prompts::varchar,
            'quants': overall.quants::varchar,
            'fewest_quants': '{{ var('fewest_quants') }}',
            'shared': printf('%.0f %%', 100 * failures.shared),
            'told': alone.told::varchar,
            'smallest': printf('%.2f', alone.smallest),
            'largest': printf('%.2f', alone.largest)
        } as facts,
    from {{ ref('stat_prompt_failure_overall') }} as overall
    inner join places using (split, kind)
    inner join failures using (cohort_id)
    left join alone using (cohort_id, split, kind)
)

select
    cohort_id,
    place,
    finding,
    n,
    figure,
    low,
    high,
    statistic,
    verdict,
    facts,
from foretold
