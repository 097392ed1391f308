"""Blocks of rank correlations against single ones, SciPy, brute force and planted truths."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from plain import plain
from scipy import stats as scipy_stats

from qwh.kernels.statistics import draws, intervals, ranks, resolution, rho, rho_differences

MANY = {"n_permutations": 2_000, "n_resamples": 2_000, "seed": 1}


def cohort(n: int, m: int = 5, t: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Measurements [m, n] and targets [t, n] that share a factor; rounded, so that some are
    tied.
    """
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=n)
    return (factor + 0.5 * rng.normal(size=(m, n))).round(1), (
        -factor + rng.normal(size=(t, n))
    ).round(1)


def test_every_cell_is_what_it_is_alone():
    x, y = cohort(20)
    x[1, 3] = x[4, 7] = y[2, 5] = np.nan
    cells = rho.correlate(x, y, **MANY)
    assert [(cell["measurement"], cell["target"]) for cell in cells] == [
        (i, j) for i in range(5) for j in range(3)
    ]
    for cell in cells:
        a, b = x[cell["measurement"]], y[cell["target"]]
        alone = rho.spearman(list(a), list(b), **MANY)
        for key in alone.keys() - {"measurement", "target", "p_max_t"}:  # a matter of all cells
            assert cell[key] == pytest.approx(alone[key]), key
        used = np.isfinite(a) & np.isfinite(b)
        theirs = scipy_stats.spearmanr(a[used], b[used])
        assert (cell["rho"], cell["p_t"]) == pytest.approx((theirs.statistic, theirs.pvalue))
        assert plain(cell)


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
    assert rho.max_t(x, y, 20_000, 1) == pytest.approx(exact, abs=0.012)


def test_max_t_of_one_complete_measurement_is_its_permutation_p():
    x, y = cohort(15, m=1, t=1)
    cell = rho.correlate(x, y, **MANY)[0]
    assert cell["p_max_t"] == cell["p_permutation"]


def test_max_t_keeps_its_size_over_dependent_measurements_with_holes():
    rng = np.random.default_rng(7)
    smallest = []
    for _ in range(400):
        x = rng.normal(size=16) + 0.5 * rng.normal(size=(14, 16))
        x[0, :3] = x[5, 4] = np.nan
        smallest.append(rho.max_t(x, rng.normal(size=16), 399, 1).min())
    assert (
        scipy_stats.binomtest(
            int((np.array(smallest) <= 0.05).sum()), 400, 0.05, alternative="greater"
        ).pvalue
        > 0.001
    )


def test_leaving_out_one_group():
    x, y = cohort(18, m=1, t=1)
    groups = ["a"] * 6 + ["b"] * 6 + [None] * 6
    cell = rho.correlate(x, y, **MANY, groups=groups)[0]
    left = [
        [k for k in range(18) if k not in out]
        for out in (range(6), range(6, 12), *([k] for k in range(12, 18)))
    ]
    found = [scipy_stats.spearmanr(x[0, keep], y[0, keep]).statistic for keep in left]
    assert (cell["without_group_low"], cell["without_group_high"]) == pytest.approx(
        (min(found), max(found)), abs=1e-10
    )


def test_differences_are_paired():
    x, y = cohort(24, m=3, t=2)
    x[2, 0] = np.nan
    found = rho_differences.differences(x, y, 4_000, 1)
    assert [(row["first"], row["second"], row["target"]) for row in found] == [
        (i, k, j) for i, k in ((0, 1), (0, 2), (1, 2)) for j in (0, 1)
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
    assert row["n"] == 23 and row["difference"] == pytest.approx(
        difference(x[0, 1:], x[2, 1:], y[0, 1:])
    )
    interval = scipy_stats.bootstrap(
        (x[0, 1:], x[2, 1:], y[0, 1:]),
        difference,
        paired=True,
        vectorized=False,
        n_resamples=600,
        method="percentile",
        rng=2,
    ).confidence_interval
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(interval), abs=0.06)
    assert plain(found)


def test_mengs_p_keeps_its_size():
    rng, p = np.random.default_rng(3), []
    for _ in range(600):
        y = rng.normal(size=40)
        a, b = y + rng.normal(size=(2, 40)) + 0.7 * rng.normal(size=40)
        p.append(
            rho_differences.meng(
                *(scipy_stats.pearsonr(*pair).statistic for pair in ((a, y), (b, y), (a, b))), 40
            )
        )
    assert scipy_stats.binomtest(int((np.array(p) < 0.05).sum()), 600, 0.05).pvalue > 0.001


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


def test_published_quants_are_too_few():
    for kld, composite in (
        ((0.0009, 0.0019, 0.0072, 0.0200), (0.700, 0.694, 0.692, 0.695)),
        ((0.0082, 0.0135), (0.724, 0.728)),
    ):
        cell = rho.correlate(np.array(kld), np.array(composite), **MANY)[0]
        assert (
            cell["rho"] is None and cell["reason"] == f"{len(kld)} quants, 5 needed" and plain(cell)
        )


def test_intervals_hold_the_truth():
    n, r, worlds = 16, -0.5, 300
    rng, truth = np.random.default_rng(1), 6 / np.pi * np.arcsin(r / 2)
    held = np.zeros(3)
    for _ in range(worlds):
        x = rng.normal(size=n)
        cell = rho.correlate(x, r * x + np.sqrt(1 - r * r) * rng.normal(size=n), 1, 600, 1)[0]
        held += [
            cell[f"{kind}_low"] <= truth <= cell[f"{kind}_high"] for kind in ("ci", "bca", "z")
        ]
    assert ((held / worlds > 0.91) & (held / worlds < 0.99)).all(), held / worlds


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        float,
        st.tuples(st.integers(0, 3), st.just(7)),
        elements=st.sampled_from([0.0, 1.0, 2.0, np.nan, np.inf]),
    ),
    arrays(float, (2, 7), elements=st.sampled_from([0.0, 1.0, 5.0, np.nan])),
)
def test_no_input_gives_nan_or_a_crash(x, y):
    few = {"n_resamples": 20, "seed": 1}
    for answer in (
        rho.correlate(x, y, 20, **few),
        rho_differences.differences(x, y, **few),
    ):
        assert plain(answer)
        for row in answer:
            assert row["reason"] or row.get("rho", row.get("difference")) is not None
