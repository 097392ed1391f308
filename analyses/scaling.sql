-- How do volume, spread and net loss of the scores grow with mean KLD?
-- exponent: the figure grows as KLD to this power, every quant counted whatever its sign; low and
-- high hold for other families of quants and other prompts. argued: the power where quantizing
-- changes a prompt's log-odds a little, with a variance in proportion to KLD, and the net loss is
-- small beside the volume (elsewhere its refusal says nothing of that); none of a net loss.
select
    cohort_id,
    zone_rule,
    threshold,
    scoring,
    quantity,
    n,
    families,
    exponent,
    low,
    high,
    argued,
    p_adjusted,
    verdict,
    reason,
from stat_scaling
order by cohort_id, zone_rule, threshold, scoring, quantity
