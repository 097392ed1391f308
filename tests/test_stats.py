"""Statistics against SciPy, closed forms and planted truths."""

import duckdb
import numpy as np
import polars as pl
import pytest
from point_rows import points
from scipy import stats as scipy_stats

from qwh.database.settings import variables
from qwh.kernels import udf
from qwh.kernels.statistics import ranks, resolution
from qwh.kernels.statistics.draws import SMALLEST_VERDICT
from qwh.kernels.statistics.quants.rho import Draws, RankCorrelation, rank_correlations

MANY = Draws(10_000, 10_000, 1)


def spearman(x, y, settings: Draws = MANY) -> RankCorrelation:
    """The one cell of two lists."""
    [cell] = rank_correlations(points(x, y), settings)
    return cell


@pytest.mark.parametrize(
    ("figure", "n", "p"), [(-0.24, 16, 0.3706), (0.55, 16, 0.0273), (0.72, 28, 1.6e-5)]
)
def test_t_approximation_of_published_correlations(figure, n, p):
    assert ranks.t_p(figure, n) == pytest.approx(p, rel=0.03 if p < 1e-3 else 2e-3)


@pytest.mark.parametrize("n", [5, 9, 16, 41])
def test_rho_p_and_interval_are_scipys(n):
    rng = np.random.default_rng(n)
    x = rng.normal(size=n).round(1)  # ties
    y = (x + rng.normal(size=n)).round(1)
    ours = spearman(x, y)
    theirs = scipy_stats.spearmanr(x, y)
    assert ours.rho == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.p_t == pytest.approx(theirs.pvalue, rel=1e-9)
    permuted = scipy_stats.permutation_test(
        (y,),
        lambda y: scipy_stats.spearmanr(x, y).statistic,
        permutation_type="pairings",
        n_resamples=2_000,
        rng=2,
    )
    assert ours.p_permutation == pytest.approx(permuted.pvalue, abs=0.035)
    if n >= 16:

        def resampled(x, y, axis=-1):
            a, b = scipy_stats.rankdata(x, axis=axis), scipy_stats.rankdata(y, axis=axis)
            a, b = a - a.mean(axis, keepdims=True), b - b.mean(axis, keepdims=True)
            return (a * b).sum(axis) / np.sqrt((a**2).sum(axis) * (b**2).sum(axis))

        interval = scipy_stats.bootstrap(
            (x, y),
            resampled,
            paired=True,
            vectorized=True,
            n_resamples=10_000,
            method="percentile",
            rng=3,
        ).confidence_interval
        assert ours.interval == "percentile"
        assert (ours.low, ours.high) == pytest.approx(tuple(interval), abs=0.03)


@pytest.mark.parametrize(
    ("n", "smallest"),
    [(10, 0.80), (14, 0.70), (16, 0.66), (20, 0.60), (28, 0.51), (41, 0.43), (60, 0.35)],
)
def test_smallest_resolvable_rho_is_what_simulation_finds(n, smallest):
    assert resolution.minimum_resolvable_rho(n) == pytest.approx(smallest, abs=0.025)


def test_size_under_the_null():
    rng = np.random.default_rng(5)
    found = [
        spearman(*rng.normal(size=(2, 12)), Draws(999, 50, 1)).p_permutation < 0.05
        for _ in range(600)
    ]
    assert scipy_stats.binomtest(sum(found), len(found), 0.05).pvalue > 0.001


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], "5 quants needed, 4 found"),
        ([1, 2, 3, 4, np.nan], [1, 2, 3, 4, 5], "5 quants needed, 4 found"),
        ([1, 2, 3, 4, 5], [1, float("nan"), float("inf"), 2, 3], "5 quants needed, 3 found"),
        ([7] * 6, [1, 2, 3, 4, 5, 6], "one side is the same for every quant"),
    ],
)
def test_degenerate_cells_are_null_with_a_reason(x, y, reason):
    answer = spearman(x, y)
    assert answer.rho is None and answer.low is None and answer.reason == reason


def test_the_sql_functions_give_the_same_numbers_for_any_number_of_threads():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(2, 40, 12))
    answers = []
    for threads in (1, 2):
        with duckdb.connect(config={"threads": threads}) as connection:
            udf.register(connection)
            points = pl.DataFrame(
                {
                    "cell": np.repeat(np.arange(40), 12),
                    "k": np.tile(np.arange(12), 40),
                    "x": x.ravel(),
                    "y": y.ravel(),
                }
            )
            connection.register("points", points.to_arrow())
            query = """
                select cell, unnest(rank_correlations(
                    list(struct_pack(
                        quant_id := k::varchar, measurement_id := 'm', variant := 1,
                        target := 't', uploader := null::varchar, x, y
                    )),
                    {'n_permutations': 500, 'n_resamples': 500, 'seed': 3}
                ), recursive := true)
                from points group by cell order by cell
            """
            answers.append(connection.execute(query).fetchall())
    assert answers[0] == answers[1]
    place = RankCorrelation._fields.index("rho") + 1
    assert answers[0][0][place] == pytest.approx(scipy_stats.spearmanr(x[0], y[0]).statistic)


def test_fewest_quants_are_said_alike_in_sql_and_python():
    assert variables()["fewest_quants"] == SMALLEST_VERDICT
