"""The study's tables: the kernels' figures for the warehouse's own numbers, the published ones
recomputed, words that hold.
"""

import numpy as np
import pytest
from conftest import query
from scipy.stats import binomtest, spearmanr, t

from qwh.database.warehouse import Warehouse


@pytest.fixture(scope="module")
def points(warehouse):
    """quant -> (mean KLD, composite, its error, in the default zone), by a query of its own."""
    return query(
        warehouse,
        """
        select f.quant_id, f.value, c.composite, c.standard_error, f.value <= 0.02
        from fct_fidelity f join fct_composites c using (cohort_id, quant_id)
        where c.scoring = 'answered' and f.measurement_id = (
            select metric || ':' || corpus_id || ':' || context_length
            from dim_measurements where variant = 1
        )
        order by 1
    """,
    )


def test_correlations_are_scipys(warehouse, points):
    x, y = np.array([row[1] for row in points]), np.array([row[2] for row in points])
    [(n, rho, p)] = query(
        warehouse,
        "select n, rho, p_t from stat_correlations where zone_rule = 'full' and variant = 1"
        " and target = 'composite' and scoring = 'answered'",
    )
    theirs = spearmanr(x, y.round(12))
    assert (n, rho, p) == (len(x), pytest.approx(theirs.statistic), pytest.approx(theirs.pvalue))


def test_adjusted_p_is_never_below_the_single_one_and_cells_are_whole(warehouse):
    rows = query(
        warehouse, "select p_permutation, p_adjusted from stat_correlations where rho is not null"
    )
    # two draws of permutations
    assert rows and all(single <= adjusted + 0.02 for single, adjusted in rows)
    counted = "count(distinct measurement_id) * count(distinct target)"
    for table in ("stat_correlations", "fct_zone_points"):
        [(cells, expected)] = query(
            warehouse,
            f"select count(distinct (measurement_id, target)), {counted} from {table}"
            " where zone_rule = 'full'",
        )
        assert cells == expected > 3 * 10


def test_disagreements_are_counts_of_prompts_and_only_shown_differences_get_a_word(warehouse):
    rows = query(
        warehouse,
        "select cells.prompts, cells.leapfrogs, cells.drops, cells.difference, p,"
        " p_adjusted, verdict, count(*), count(*) filter (score > score_ref),"
        " count(*) filter (score < score_ref) from stat_disagreements as cells join fct_prompts"
        " using (cohort_id, quant_id, benchmark_id, scoring) where scoring = 'answered'"
        " group by cohort_id, quant_id, benchmark_id, cells.prompts, leapfrogs, drops, difference,"
        " p, p_adjusted, verdict",
    )
    assert rows
    for prompts, leapfrogs, drops, difference, p, adjusted, verdict, *counted in rows:
        assert [prompts, leapfrogs, drops] == counted
        assert difference == pytest.approx((leapfrogs - drops) / prompts)
        flips = int(leapfrogs), int(leapfrogs + drops)
        exact = binomtest(*flips).pvalue if flips[1] else 1.0
        assert p == pytest.approx(exact) and p <= adjusted
        assert verdict not in ("better", "damaged") or adjusted <= 0.05


def test_the_page_of_findings_repeats_the_tables(warehouse):
    told = Warehouse(warehouse).relation("study").rows(named=True)
    page = {row["finding"]: row for row in told if row["scoring"] in (None, "answered")}
    for zone_rule, where in (("full", "full cohort"), ("kld_max", "silent zone")):
        for target in ("composite", "volume", "direction"):
            row = page[f"rho of mean KLD and {target}, {where}"]
            [told] = query(
                warehouse,
                "select n, rho, two.low, two.high, verdict from stat_correlations as one join"
                " stat_two_level as two using (cohort_id, scoring, zone_rule, threshold,"
                " measurement_id, estimator, target, n, rho) where scoring = 'answered' and"
                f" zone_rule = '{zone_rule}' and one.variant = 1 and target = '{target}'",
            )
            assert tuple(row[name] for name in ("n", "figure", "low", "high", "verdict")) == told
            assert row["says"] and "{" not in row["says"]
    verdicts = [
        row
        for (row,) in query(
            warehouse, "select verdict from stat_composites where scoring = 'answered'"
        )
    ]
    counted, _ = page["composite less the reference's, median quant"]["says"].split(", adjusted")
    assert sorted(counted.split(", ")) == sorted(
        f"{verdicts.count(word)} {word}" for word in set(verdicts)
    )


def test_no_cell_is_nan_and_every_null_has_a_reason(warehouse):
    for table, figure in (
        ("stat_correlations", "rho"),
        ("stat_correlation_differences", "difference"),
        ("stat_zones", "figure"),
        ("stat_losses", "difference"),
    ):
        assert query(
            warehouse,
            f"select count(*) from {table} where isnan({figure}) or {figure} is null and reason is"
            " null",
        ) == [(0,)], table


def test_the_published_figures_are_recomputed(warehouse):
    rows = {
        (cohort.split("-")[0], where, target): figures
        for cohort, where, target, *figures in query(
            warehouse,
            "select cohort_id, zone, target, n, p_printed, p_t, low, high, minimum_rho,"
            " reason from stat_published where whose = 'paper' and kind = 'rho'",
        )
    }
    n, printed, p, low, high, minimum, _ = rows["Devstral", "silent zone", "composite"]
    assert (
        (n, printed) == (16, "0.36")
        and p == pytest.approx(0.3706, abs=5e-5)
        and p == pytest.approx(2 * t.sf(0.24 * np.sqrt(14 / (1 - 0.24**2)), 14))
    )
    assert (
        low == pytest.approx(-0.66, abs=0.005)
        and high == pytest.approx(0.30, abs=0.005)
        and minimum == pytest.approx(0.66, abs=0.01)
    )
    assert rows["Devstral", "silent zone", "volume"][2] == pytest.approx(0.0273, abs=5e-5)
    assert rows["Qwen3.6", "full", "composite"][2] == pytest.approx(1.6e-5, abs=1e-6)
    assert (
        rows["Devstral", "public quants", "composite"][-1] == "5 quants needed, 4 found"
        and rows["Qwen3.6", "silent zone", "volume"][-1] == "the number of quants is not known"
    )


def test_no_agreement_of_directions_lacks_a_reason(warehouse):
    assert query(
        warehouse,
        "select count(*) from stat_direction_agreement where rho is null and reason is null",
    ) == [(0,)]


def test_composites_are_means_of_prompts(warehouse):
    rows = query(
        warehouse,
        "select difference, volume, avg(score - score_ref), avg(abs(score - score_ref))"
        " from stat_composites join fct_prompts using (cohort_id, quant_id, scoring)"
        " group by cohort_id, quant_id, scoring, difference, volume"
        " having count(distinct benchmark_id) = 1",
    )
    assert rows
    for difference, volume, gain, moved in rows:
        assert (difference, volume) == pytest.approx((gain, moved))
