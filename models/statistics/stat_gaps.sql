{# table of statistics -> what it takes, in the order in which a lack is told #}
{%- set paired = ['answered', 'answered_ref', 'paired'] -%}
{%- set suite = paired + ['suite'] -%}
{%- set distance = ['text', 'kld'] + suite + ['overlap'] -%}
{%- set takes = {
    'stat_text_pairs': ['text'],
    'stat_text_groups': ['text'],
    'stat_token_direction': ['text', 'tokens'],
    'stat_disagreements': paired + ['binary'],
    'stat_heterogeneity': paired + ['binary'],
    'stat_composites': suite,
    'stat_losses': paired,
    'stat_pairs': suite,
    'stat_front': suite,
    'stat_cards': suite,
    'stat_equal_distance': distance,
    'stat_correlations': distance,
    'stat_trends': distance,
    'stat_two_level': distance,
    'stat_forecasts': distance + ['right_or_wrong'],
    'stat_scaling': distance,
    'stat_zones': distance,
    'stat_zone_verdicts': distance,
    'stat_edges': distance,
    'stat_zone_direction': distance,
    'stat_zone_crossfits': distance,
    'stat_prompt_failure': paired + ['answer_kld'],
    'stat_routers': paired + ['answer_kld'],
    'stat_direction_agreement': ['text', 'tokens'] + suite,
} -%}
{%- set lacks = {
    'text': "'no text was read'",
    'kld': "'no quant has a mean KLD on ' || primary_corpus || ' at context length '"
        ~ " || primary_context_length || ', the text that was read first'",
    'answered': "'no quant has answered a benchmark'",
    'answered_ref': "'the reference has answered no benchmark'",
    'paired': "'reference and quants have no prompt in common: see unpaired'",
    'binary': "'no benchmark is scored by 0 and 1 alone: see stat_composites'",
    'suite': "'no quant has answered every benchmark of the cohort'",
    'overlap': "'no quant has both a mean KLD and answers'",
    'right_or_wrong': "'quants and reference have no answers, only how likely they are'",
    'tokens': "'there are no token rows, only figures of other tools'",
    'answer_kld': "'answers have no KLD: qwh did not run the models on these prompts'",
} -%}
{# what a cohort can have -> where it stands, and in which of its rows #}
{%- set shows = {
    'text': ('dim_cohorts', 'primary_corpus is not null'),
    'answered': ('fct_scores', "role = 'quant'"),
    'answered_ref': ('fct_scores', "role = 'reference'"),
    'kld': ('fct_zone_members', 'true'),
    'paired': ('fct_disagreements', 'true'),
    'binary': ('fct_disagreements', 'mcnemar_p is not null'),
    'suite': ('fct_composites', 'true'),
    'overlap': ('fct_zone_points', 'true'),
    'right_or_wrong': ('fct_prompts', "scoring = 'answered'"),
    'tokens': ('fct_token_flips', 'true'),
    'answer_kld': ('fct_prompts', 'kld_mean is not null'),
} -%}
with shown as (
    {% for fact, (name, rows) in shows.items() -%}
        select
            cohort_id,
            '{{ fact }}' as fact,
        from {{ ref(name) }}
        where {{ rows }}
        {% if not loop.last %}union all by name{% endif %}
    {% endfor %}
),

cohorts as (
    select
        cohort_id,
        any_value(cohorts.primary_corpus) as primary_corpus,
        any_value(cohorts.primary_context_length) as primary_context_length,
        coalesce(list(shown.fact) filter (where shown.fact is not null), []) as facts,
    from {{ ref('dim_cohorts') }} as cohorts
    left join shown using (cohort_id)
    group by cohort_id
),

gaps as (
    {% for name, needed in takes.items() -%}
        select
            cohort_id,
            '{{ name }}' as table_name,
            case
                {% for fact in needed -%}
                    when not list_contains(facts, '{{ fact }}') then {{ lacks[fact] }}
                {% endfor %}
                else 'too little of it can be compared'
            end as reason,
        from cohorts
        where cohort_id not in (select known.cohort_id, from {{ ref(name) }} as known)
        {% if not loop.last %}union all by name{% endif %}
    {% endfor %}
)

select
    cohort_id,
    table_name,
    reason,
from gaps
