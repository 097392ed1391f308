"""Chunks and prompts resampled: against SciPy, closed forms and brute force."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from qwh.kernels.statistics import ranks
from qwh.kernels.statistics.chunks import chunks
from qwh.kernels.statistics.intervals import interval
from qwh.kernels.statistics.quants import two_level
from qwh.kernels.statistics.scores import composites


def test_quantiles_from_histograms():
    rng = np.random.default_rng(3)
    tokens = [np.exp(0.3 * rng.standard_normal() + rng.standard_normal(500)) for _ in range(40)]
    logs = np.arange(-240, 241) / 40
    histograms = np.array([np.histogram(np.log(part), logs)[0] for part in tokens])
    wanted = [0.5, 0.9, 0.99]
    found = chunks.quantile_replicates(histograms[None], np.exp(logs), wanted, 2_000, 1)[:, 0]
    assert np.median(found, axis=0) == pytest.approx(
        np.quantile(np.concatenate(tokens), wanted), rel=0.1
    )
    drawn = np.random.default_rng(4).integers(0, 40, (400, 40))
    medians = [np.median(np.concatenate([tokens[k] for k in row])) for row in drawn]
    assert interval(found[:, 0]) == pytest.approx(
        tuple(np.quantile(medians, (0.025, 0.975))), rel=0.03
    )


def test_prompts_are_drawn_within_benchmarks_and_jointly():
    rng = np.random.default_rng(5)
    benchmarks = np.repeat(["a", "b"], (100, 300))
    scores = (rng.random((3, 400)) < 0.6).astype(float)
    scores[1] = scores[0]
    found = composites.score_replicates(scores, benchmarks, {"a": 3}, 8_000, 1)
    a, b = scores[:, :100], scores[:, 100:]
    assert found.mean(0) == pytest.approx(0.75 * a.mean(1) + 0.25 * b.mean(1), abs=2e-3)
    assert found.std(0) == pytest.approx(
        np.sqrt(0.75**2 * a.var(1) / 100 + 0.25**2 * b.var(1) / 300), rel=0.04
    )
    assert (found[:, 0] == found[:, 1]).all()
    holes = np.where(rng.random((3, 400)) < 0.2, np.nan, scores)
    assert np.isfinite(composites.score_replicates(holes, benchmarks, None, 50, 1)).all()


def test_chunk_means_are_drawn_jointly():
    values = np.random.default_rng(6).normal(size=(2, 30)) + 5
    found = chunks.mean_replicates(values, np.ones(30), 8_000, 1)
    assert found.std(0) == pytest.approx(values.std(1) / math.sqrt(30), rel=0.04)
    assert np.corrcoef(found.T)[0, 1] == pytest.approx(np.corrcoef(values)[0, 1], abs=0.04)


def test_rho_of_draws_is_scipys_draw_by_draw():
    quants, rng = 20, np.random.default_rng(7)
    x, y = rng.random((2, quants)).round(1), rng.random((3, quants)).round(1)
    x_draws, y_draws = rng.random((2, 30, quants)).round(1), rng.random((3, 30, quants)).round(1)
    x_draws[1] = np.nan  # it is taken as it is
    observed, whole, half = two_level.redrawn(x, y, x_draws, y_draws)
    for b, i, j in np.ndindex(30, 2, 3):
        drawn = x[1] if i else x_draws[0, b]
        theirs = scipy_stats.spearmanr(drawn, y_draws[j, b]).statistic
        assert whole[b, i, j] == pytest.approx(theirs, abs=1e-10)
        between = (x[i] + drawn) / 2, np.round((y[j] + y_draws[j, b]) / 2, 9)
        assert half[b, i, j] == pytest.approx(scipy_stats.spearmanr(*between).statistic, abs=1e-10)
    assert observed[0, 0] == pytest.approx(scipy_stats.spearmanr(x[0], y[0]).statistic)


def test_rho_by_row():
    rows = ranks.rho_by_row(
        np.array([[1, 2, 2, 4], [1, 1, 1, 1]]), np.array([[3, 1, 4, 4], [1, 2, 3, 4]])
    )
    assert rows[0] == pytest.approx(
        scipy_stats.spearmanr([1, 2, 2, 4], [3, 1, 4, 4]).statistic
    ) and np.isnan(rows[1])
