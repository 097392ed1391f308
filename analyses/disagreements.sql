-- What do each quant's disagreements with the reference show, benchmark by benchmark?
-- difference is score less the reference's, low and high its interval; verdict goes by the adjusted
-- p, which allow for all cells of the cohort and scoring: equivalent means shown to lie within
-- +-margin; unresolved leaves all open.
select
    cohort_id,
    scoring,
    benchmark_id,
    quant_id,
    prompts,
    leapfrogs,
    drops,
    difference,
    low,
    high,
    p,
    p_adjusted,
    improvement_share,
    p_equivalent_adjusted,
    e_value,
    prompts_for_margin,
    verdict,
from stat_disagreements
order by cohort_id asc, scoring asc, benchmark_id asc, difference desc, quant_id asc
