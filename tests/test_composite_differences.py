"""Composites against SciPy's bootstrap, exact tosses, and worlds of rare events; all quants of a
cohort at once.
"""

from itertools import product

import numpy as np
import pytest
from answer_rows import answer_rows, shuffled
from plain import plain
from scipy import stats

from qwh.kernels.statistics.scores import composite_differences as kernel

SETTINGS = kernel.PairedDraws(n_resamples=4_000, n_tosses=4_999, seed=1, margin=0.01)


def composites(gains, settings=SETTINGS, **how):
    return kernel.composite_differences(answer_rows(gains, **how), settings)


def test_one_benchmarks_composite_is_its_own_comparison():
    d = np.repeat([1.0, -1.0, 0.0], (9, 24, 467))
    [row] = composites(d, SETTINGS._replace(n_resamples=20_000))
    assert row.difference == pytest.approx(row.volume * row.direction) == pytest.approx(-15 / 500)
    exact = stats.binomtest(9, 33).pvalue
    assert row.p_different == pytest.approx(exact, abs=0.003)
    assert row.p_adjusted == pytest.approx(exact, abs=0.006)
    bootstrap = stats.bootstrap([d], np.mean, n_resamples=20_000, method="percentile", rng=1)
    assert (row.difference_low, row.difference_high) == pytest.approx(
        tuple(bootstrap.confidence_interval), abs=0.0021
    )
    assert row.verdict == "damaged"
    assert row.standard_error == pytest.approx(np.sqrt((33 / 500 - 0.03**2) / 499))


def test_benchmarks_are_weighed_and_scores_may_be_graded():
    rng = np.random.default_rng(3)
    parts = [
        rng.choice([-1.0, -0.5, 0.0, 0.25, 1.0], 400, p=(0.05, 0.05, 0.8, 0.05, 0.05)),
        rng.normal(size=900) * 0.1,
    ]
    [row] = composites(
        np.concatenate(parts),
        benchmarks=["a"] * 400 + ["b"] * 900,
        weights={"a": 1.0, "b": 3.0},
    )
    assert row.difference == pytest.approx(0.25 * parts[0].mean() + 0.75 * parts[1].mean())
    interval = stats.bootstrap(
        parts,
        lambda a, b, axis=-1: 0.25 * a.mean(axis) + 0.75 * b.mean(axis),
        n_resamples=4_000,
        method="percentile",
        rng=1,
    ).confidence_interval
    assert (row.difference_low, row.difference_high) == pytest.approx(tuple(interval), abs=0.0015)
    # the score test's p is near Student's where gains are many
    z = (row.difference + 0.01) / row.standard_error
    assert row.p_not_inferior == pytest.approx(stats.norm.sf(z), abs=0.02)


def test_adjusted_p_are_step_down_max_t_over_all_tosses():
    gains = np.zeros((4, 12))
    gains[0, 0] = gains[1, 0] = -1
    gains[2, :7] = gains[3, :8] = -1
    gains[1, 1] = gains[3, 8] = 1
    rows = composites(gains, SETTINGS._replace(n_tosses=19_999))
    scale = np.sqrt((gains**2).sum(1))
    z = np.abs(gains.sum(1) / scale)
    null = np.abs(np.array(list(product([-1.0, 1.0], repeat=12))) @ gains.T / scale)
    wanted, running = {}, 0.0
    for k, which in enumerate(order := np.argsort(-z)):
        running = max(running, (null[:, order[k:]].max(1) >= z[which] - 1e-9).mean())
        wanted[which] = running
    for k, row in enumerate(rows):
        assert row.p_adjusted == pytest.approx(wanted[k], abs=0.01), k
        assert row.p_adjusted >= row.p_different


def test_a_cohort_of_equal_quants_seldom_gets_one_wrong_word():
    rng, few = np.random.default_rng(4), kernel.PairedDraws(199, 199, 1, 0.01)
    wrong, raw = 0, 0
    for _ in range(25):
        rows = composites(rng.choice([-1.0, 0.0, 1.0], (12, 150), p=(0.04, 0.92, 0.04)), few)
        wrong += any(row.verdict in ("damaged", "better") for row in rows)
        raw += any(row.p_different < 0.05 for row in rows)
    assert wrong <= 4 and raw >= 6


@pytest.mark.parametrize(
    ("sizes", "leap"),
    [([30] * 12, 0.005), ([57] * 7, 0.02), ([400], 0.0), ([20, 40, 300], 0.01)],
)
def test_a_loss_of_the_margin_is_called_equivalent_no_more_often_than_promised(sizes, leap):
    rng, few = np.random.default_rng(5), kernel.PairedDraws(50, 50, 1, 0.01)
    names = np.repeat([f"b{k:02}" for k in range(len(sizes))], sizes).tolist()
    shares = (leap + 0.01, 1 - 2 * leap - 0.01, leap)
    gains = rng.choice([-1.0, 0.0, 1.0], (400, sum(sizes)), p=shares)
    rows = [
        row for part in gains.reshape(4, 100, -1) for row in composites(part, few, benchmarks=names)
    ]
    said = np.mean([row.p_equivalent < 0.05 for row in rows])
    assert said <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)
    assert all(row.p_equivalent_adjusted >= row.p_equivalent for row in rows)


def test_quants_that_do_not_differ_at_all():
    [row] = composites(np.zeros(4_000))
    assert row.verdict == "equivalent" and row.reason == kernel.NO_DIRECTION
    assert (row.difference, row.p_different, row.p_adjusted, row.direction) == (0, 1, 1, None)
    assert row.difference_low < 0 < row.difference_high
    [few] = composites(np.zeros(100))
    assert few.verdict == "unresolved"


def test_a_quant_is_compared_on_the_prompts_that_it_answered():
    rng = np.random.default_rng(6)
    gains = rng.choice([-1.0, 0.0, 1.0], (3, 60), p=(0.2, 0.7, 0.1))
    gains[1, 5:20] = np.nan
    names = ["a"] * 30 + ["b"] * 30
    rows = composites(gains, benchmarks=names)
    for row, mine in zip(rows, gains):
        assert row.difference == pytest.approx((np.nanmean(mine[:30]) + np.nanmean(mine[30:])) / 2)
    alone = composites(gains[1, 20:], benchmarks=names[20:])
    assert np.isfinite(alone[0].p_adjusted)


@pytest.mark.parametrize("prompts", [1, 2, 3])
def test_few_prompts_give_a_reason_and_no_nan(prompts):
    for gains in ([0.0] * prompts, [1.0] * prompts, [-0.5] * prompts):
        [row] = composites(gains, SETTINGS._replace(n_resamples=50, n_tosses=50))
        assert plain(row) and row.verdict == "unresolved"
        assert (row.reason == "a benchmark has fewer than 2 prompts") == (prompts < 2)
    assert composites(np.zeros((0, 0))) == []


def test_rows_may_come_in_any_order():
    gains = np.random.default_rng(7).choice([-1.0, 0.0, 0.5], (5, 80), p=(0.1, 0.8, 0.1))
    answers = answer_rows(gains, ["a"] * 30 + ["b"] * 50)
    assert kernel.composite_differences(answers, SETTINGS) == kernel.composite_differences(
        shuffled(answers), SETTINGS
    )
