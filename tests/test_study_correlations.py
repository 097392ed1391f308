"""Blocks of rank correlations against single ones, SciPy, brute force and planted truths."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from plain import plain
from point_rows import points
from scipy import stats as scipy_stats

from qwh.kernels.statistics import draws, intervals, ranks, resolution
from qwh.kernels.statistics.quants import rho, rho_differences
from qwh.kernels.statistics.quants.published import Printed, known_correlation
from qwh.kernels.statistics.quants.rho import Draws, rank_correlations
from qwh.kernels.statistics.quants.rho_differences import Resamples, correlation_differences

MANY = Draws(2_000, 2_000, 1)


def cohort(n: int, m: int = 5, t: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Measurements [m, n] and targets [t, n] that share a factor; rounded, so that some are
    tied.
    """
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=n)
    return (factor + 0.5 * rng.normal(size=(m, n))).round(1), (
        -factor + rng.normal(size=(t, n))
    ).round(1)


def test_every_cell_is_scipys_and_what_it_is_alone():
    x, y = cohort(20)
    x[1, 3] = x[4, 7] = y[2, 5] = np.nan
    cells = rank_correlations(points(x, y), MANY)
    assert [(cell.variant, cell.target) for cell in cells] == [
        (i, f"{j:02d}") for i in range(5) for j in range(3)
    ]
    for cell in cells:
        a, b = x[cell.variant], y[int(cell.target)]
        [alone] = rank_correlations(points(a, b), MANY)
        of_all = {"measurement_id", "variant", "target", "p_adjusted", "measurements"}
        for name in set(cell._fields) - of_all:
            assert getattr(cell, name) == pytest.approx(getattr(alone, name)), name
        used = np.isfinite(a) & np.isfinite(b)
        theirs = scipy_stats.spearmanr(a[used], b[used])
        assert (cell.rho, cell.p_t) == pytest.approx((theirs.statistic, theirs.pvalue))
        assert cell.n == used.sum() and plain(cell)


def test_rows_in_another_order_give_the_same():
    rows = points(*cohort(9))
    order = np.random.default_rng(1).permutation(len(rows.x))
    shuffled = type(rows)(*(column[order] for column in rows))
    few = Draws(200, 200, 1)
    assert rank_correlations(shuffled, few) == rank_correlations(rows, few)
    assert correlation_differences(shuffled, Resamples(200, 1)) == correlation_differences(
        rows, Resamples(200, 1)
    )


def test_resamples_are_ranked_anew():
    x, y = cohort(12)
    counts = draws.resamples(12, 50, 3)
    found = ranks.resampled_rho(x, y, counts)
    for b in range(50):
        drawn = np.repeat(np.arange(12), counts[b].astype(int))
        for i, j in np.ndindex(5, 3):
            assert found[b, i, j] == pytest.approx(
                scipy_stats.spearmanr(x[i, drawn], y[j, drawn]).statistic, abs=1e-10
            )


def test_max_t_is_the_exact_test_of_all_orders():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(3, 6)), rng.normal(size=6)
    x[0] = y + 0.2 * rng.normal(size=6)
    ordered, target = scipy_stats.rankdata(x, axis=1) - 3.5, scipy_stats.rankdata(y) - 3.5
    every = np.array([np.abs(ordered @ target[list(order)]) for order in permutations(range(6))])
    observed = np.abs(ordered @ target)
    order, exact, floor = np.argsort(-observed), np.empty(3), 0.0
    for k in range(3):
        floor = max(floor, (every[:, order[k:]].max(1) >= observed[order[k]] - 1e-9).mean())
        exact[order[k]] = floor
    p, measurements = rho.max_t(x, y, Draws(20_000, 0, 1))
    assert p == pytest.approx(exact, abs=0.012) and measurements == 3


def test_max_t_of_one_complete_measurement_is_its_permutation_p():
    x, y = cohort(15, m=1, t=1)
    [cell] = rank_correlations(points(x, y), MANY)
    assert cell.p_adjusted == cell.p_permutation


def test_measurements_that_rank_alike_count_once():
    x, y = cohort(15, m=3, t=1)
    alike = np.stack([x[0], np.exp(x[0]), *x[1:]])
    alone, doubled = (rank_correlations(points(side, y), MANY) for side in (x, alike))
    assert [cell.measurements for cell in doubled] == [3] * 4
    assert doubled[0].p_adjusted == doubled[1].p_adjusted == alone[0].p_adjusted
    assert [cell.p_adjusted for cell in doubled[2:]] == [cell.p_adjusted for cell in alone[1:]]


def test_max_t_keeps_its_size_over_dependent_measurements_with_holes():
    rng = np.random.default_rng(7)
    smallest = []
    for _ in range(400):
        x = rng.normal(size=16) + 0.5 * rng.normal(size=(14, 16))
        x[0, :3] = x[5, 4] = np.nan
        smallest.append(rho.max_t(x, rng.normal(size=16), Draws(399, 0, 1))[0].min())
    assert (
        scipy_stats.binomtest(
            int((np.array(smallest) <= 0.05).sum()), 400, 0.05, alternative="greater"
        ).pvalue
        > 0.001
    )


def test_leaving_out_one_group():
    x, y = cohort(18, m=1, t=1)
    groups = ["a"] * 6 + ["b"] * 6 + [None] * 6
    [cell] = rank_correlations(points(x, y, groups), MANY)
    left = [
        [k for k in range(18) if k not in out]
        for out in (range(6), range(6, 12), *([k] for k in range(12, 18)))
    ]
    found = [scipy_stats.spearmanr(x[0, keep], y[0, keep]).statistic for keep in left]
    assert (cell.without_group_smallest, cell.without_group_largest) == pytest.approx(
        (min(found), max(found)), abs=1e-10
    )


def test_differences_are_paired():
    x, y = cohort(24, m=3, t=2)
    x[2, 0] = np.nan
    found = correlation_differences(points(x, y), Resamples(4_000, 1))
    assert [(row.measurement_id, row.other_measurement_id, row.target) for row in found] == [
        (f"{i:02d}", f"{k:02d}", f"{j:02d}") for i, k in ((0, 1), (0, 2), (1, 2)) for j in (0, 1)
    ]

    def difference(a, b, c, axis=-1):
        return (
            [
                scipy_stats.spearmanr(a[k], c[k]).statistic
                - scipy_stats.spearmanr(b[k], c[k]).statistic
                for k in np.ndindex(a.shape[:-1])
            ]
            if a.ndim > 1
            else (scipy_stats.spearmanr(a, c).statistic - scipy_stats.spearmanr(b, c).statistic)
        )

    row = found[2]
    assert row.n == 23 and row.difference == pytest.approx(difference(x[0, 1:], x[2, 1:], y[0, 1:]))
    interval = scipy_stats.bootstrap(
        (x[0, 1:], x[2, 1:], y[0, 1:]),
        difference,
        paired=True,
        vectorized=False,
        n_resamples=600,
        method="percentile",
        rng=2,
    ).confidence_interval
    assert (row.low, row.high) == pytest.approx(tuple(interval), abs=0.06)
    assert plain(found)


@pytest.mark.parametrize(("n", "noise"), [(10, 1.0), (16, 0.5), (28, 0.3), (41, 1.0)])
def test_mengs_p_keeps_its_size_over_ranks(n, noise):
    rng, p = np.random.default_rng(n), []
    for _ in range(600):
        y = rng.normal(size=n)
        a, b = y + noise * rng.normal(size=(2, n)) + 0.1 * rng.normal(size=n)
        pairs = ((a, y), (b, y), (a, b))
        p.append(
            rho_differences.meng(*(scipy_stats.spearmanr(*pair).statistic for pair in pairs), n)
        )
    found = sum(value is not None and value < 0.05 for value in p)
    assert scipy_stats.binomtest(found, 600, 0.05, alternative="greater").pvalue > 0.01


def test_mengs_p_is_their_example_with_the_variance_of_ranks():
    # Meng, Rosenthal and Rubin (1992): r .63 and -.03, between them -.19, 15 things: z = 1.68
    p = rho_differences.meng(0.63, -0.03, -0.19, 15)
    z = scipy_stats.norm.isf(p / 2) * np.sqrt(1 + (0.63**2 + 0.03**2) / 4)
    assert z == pytest.approx(1.68, abs=0.005)


@pytest.mark.parametrize(
    ("n", "critical", "of_14", "smallest"),
    [
        (10, 0.63, 0.82, 0.80),
        (14, 0.53, 0.72, 0.70),
        (16, 0.50, 0.68, 0.66),
        (20, 0.44, 0.62, 0.60),
        (28, 0.37, 0.53, 0.51),
        (41, 0.31, 0.45, 0.43),
        (60, 0.25, 0.37, 0.35),
    ],
)
def test_what_so_many_quants_resolve(n, critical, of_14, smallest):
    for alpha, wanted in ((0.05, critical), (0.05 / 14, of_14)):
        t = scipy_stats.t.isf(alpha / 2, n - 2)
        assert t / np.sqrt(n - 2 + t**2) == pytest.approx(wanted, abs=0.0101)
        assert ranks.t_p(t / np.sqrt(n - 2 + t**2), n) == pytest.approx(alpha)
    assert resolution.minimum_resolvable_rho(n) == pytest.approx(smallest, abs=0.025)


@pytest.mark.parametrize(
    ("figure", "n", "low", "high"),
    [
        (0.0, 16, -0.50, 0.50),
        (-0.24, 16, -0.66, 0.30),
        (0.55, 16, 0.04, 0.83),
        (-0.72, 28, -0.87, -0.44),
        (-0.86, 41, -0.93, -0.73),
    ],
)
def test_intervals_of_the_published_correlations(figure, n, low, high):
    assert intervals.fisher_z(figure, n) == pytest.approx((low, high), abs=0.025)


def test_a_printed_rho_allows_what_its_number_of_quants_does():
    known = known_correlation(Printed(16, -0.24))
    t = 0.24 * np.sqrt(14 / (1 - 0.24**2))
    assert known.p_t == pytest.approx(2 * scipy_stats.t.sf(t, 14))
    half = 1.959964 * np.sqrt((1 + 0.24**2 / 2) / 13)
    ends = np.tanh(np.arctanh(-0.24) + np.array([-half, half]))
    assert (known.low, known.high) == pytest.approx(tuple(ends), abs=1e-6) and not known.reason
    for printed, reason in (
        (Printed(None, 0.94), "the number of quants is not known"),
        (Printed(16, None), "rho is not known"),
        (Printed(4, 0.5), "5 quants needed, 4 found"),
    ):
        assert known_correlation(printed).reason == reason and plain(known_correlation(printed))


def test_published_quants_are_too_few():
    for kld, composite in (
        ((0.0009, 0.0019, 0.0072, 0.0200), (0.700, 0.694, 0.692, 0.695)),
        ((0.0082, 0.0135), (0.724, 0.728)),
    ):
        [cell] = rank_correlations(points(kld, composite), MANY)
        assert (
            cell.rho is None and cell.reason == f"5 quants needed, {len(kld)} found" and plain(cell)
        )


def test_an_interval_without_width_gives_way_to_fishers_z():
    x = np.arange(9.0)
    [cell] = rank_correlations(points(x, -x), MANY)
    next_to_one = scipy_stats.spearmanr(x, [-0.0, -1, -2, -3, -4, -5, -6, -8, -7]).statistic
    half = 1.959964 * np.sqrt((1 + next_to_one**2 / 2) / 6)
    assert (cell.low, cell.interval) == (-1, "z")
    assert cell.high == pytest.approx(np.tanh(np.arctanh(next_to_one) + half), abs=1e-6)
    [few] = rank_correlations(points(x[:7], [3, 1, 2, 5, 4, 7, 6]), MANY)
    seven = intervals.fisher_z(scipy_stats.spearmanr(x[:7], [3, 1, 2, 5, 4, 7, 6]).statistic, 7)
    assert few.interval == "z" and (few.low, few.high) == pytest.approx(seven)
    [many] = rank_correlations(points(x, [3, 1, 2, 5, 4, 7, 6, 9, 8]), MANY)
    assert many.interval == "percentile" and many.low < many.high


@pytest.mark.parametrize(("n", "r"), [(5, -0.88), (6, -0.97), (8, -0.97), (16, -0.5)])
def test_intervals_hold_the_truth(n, r):
    worlds = 300
    rng, truth = np.random.default_rng(1), 6 / np.pi * np.arcsin(r / 2)
    held = 0
    for _ in range(worlds):
        x = rng.normal(size=n)
        y = r * x + np.sqrt(1 - r * r) * rng.normal(size=n)
        [cell] = rank_correlations(points(x, y), Draws(1, 600, 1))
        held += cell.low <= truth <= cell.high
    assert scipy_stats.binomtest(held, worlds, 0.95, alternative="less").pvalue > 0.001


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        float,
        st.tuples(st.integers(1, 3), st.just(7)),
        elements=st.sampled_from([0.0, 1.0, 2.0, np.nan, np.inf]),
    ),
    arrays(float, (2, 7), elements=st.sampled_from([0.0, 1.0, 5.0, np.nan])),
)
def test_no_input_gives_nan_or_a_crash(x, y):
    rows = points(x, y)
    for answer in (
        rank_correlations(rows, Draws(20, 20, 1)),
        correlation_differences(rows, Resamples(20, 1)),
    ):
        assert plain(answer)
        for row in answer:
            figure = row.rho if hasattr(row, "rho") else row.difference
            assert row.n and (row.reason or figure is not None)
