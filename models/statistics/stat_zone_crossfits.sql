with crossed as (
    select
        blocks.cohort_id,
        rules.zone_rule,
        rules.threshold,
        cross_fit(
            rules.zone_rule, rules.threshold, blocks.measured, blocks.scores, blocks.scores_ref,
            [blocks.benchmarks, blocks.texts], blocks.weights,
            {{ var('seed') }}, {{ var('n_splits') }}
        ) as answer,
    from {{ ref('stat_score_blocks') }} as blocks
    cross join {{ ref('zone_rules') }} as rules
)

select
    cohort_id,
    zone_rule,
    threshold,
    answer.splits,
    answer.members,
    answer.rho,
    answer.rho_same_half,
    answer.reason,
from crossed
