"""Chunks, prompts and fronts resampled: against SciPy, closed forms and brute force."""

import math

import numpy as np
import pytest
from plain import plain
from scipy import stats as scipy_stats

from qwh.kernels.statistics import chunks, composites, front, ranks, two_level
from qwh.kernels.statistics.intervals import interval


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
    found = two_level.redrawn(x, y, x_draws, y_draws)
    for b, i, j in np.ndindex(30, 2, 3):
        drawn = x[1] if i else x_draws[0, b]
        theirs = scipy_stats.spearmanr(drawn, y_draws[j, b]).statistic
        assert found[1 + b, i, j] == pytest.approx(theirs, abs=1e-10)
    assert found[0, 0, 0] == pytest.approx(scipy_stats.spearmanr(x[0], y[0]).statistic)


def test_rho_by_row():
    rows = ranks.rho_by_row(
        np.array([[1, 2, 2, 4], [1, 1, 1, 1]]), np.array([[3, 1, 4, 4], [1, 2, 3, 4]])
    )
    assert rows[0] == pytest.approx(
        scipy_stats.spearmanr([1, 2, 2, 4], [3, 1, 4, 4]).statistic
    ) and np.isnan(rows[1])


def test_front_by_brute_force():
    rng = np.random.default_rng(8)
    sizes, volumes, scores = (
        rng.integers(1, 5, 8).astype(float),
        rng.integers(0, 4, (300, 8)) / 10,
        rng.integers(0, 4, (300, 8)) / 10,
    )

    def beats(b: int, other: int, own: int) -> bool:
        mine, theirs = ((sizes[k], volumes[b, k], -scores[b, k]) for k in (own, other))
        return all(t <= m for t, m in zip(theirs, mine)) and theirs != mine

    for k, answer in enumerate(front.membership(sizes, volumes, scores)):
        often = np.array([[beats(b, other, k) for other in range(8)] for b in range(300)])
        assert answer["probability"] == pytest.approx(1 - often.any(1).mean()) and answer[
            "dominator_probability"
        ] == pytest.approx(often.mean(0).max())
        assert answer["dominated"] == (often.any(1).mean() >= 0.95) and plain(answer)


def test_letters_are_shared_by_just_the_pairs_that_are_not_resolved():
    rng = np.random.default_rng(9)
    for spread in (0.0, 0.01, 0.05):
        scores = 0.6 + spread * rng.standard_normal(12)
        replicates = scores + rng.uniform(0.001, 0.02, 12) * rng.standard_normal((1_000, 12))
        letters, apart = front.groups(scores, replicates), front.unlike(scores, replicates)
        for i, j in np.ndindex(12, 12):
            assert bool(set(letters[i]) & set(letters[j])) == (i == j or not apart[i, j])
        assert "a" in letters[int(np.argmax(scores))]
        if spread == 0:
            assert set(letters) == {"a"}


def test_equal_quants_are_told_apart_no_more_often_than_they_may():
    rng, found = np.random.default_rng(10), 0
    for seed in range(200):
        scores = (rng.random((8, 400)) < 0.6).astype(float)
        found += front.unlike(
            scores.mean(1), composites.score_replicates(scores, ["a"] * 400, None, 400, seed)
        ).any()
    assert scipy_stats.binomtest(int(found), 200, 0.05, alternative="greater").pvalue > 0.001


def test_the_smallest_of_the_top_group_is_picked():
    rng = np.random.default_rng(11)
    scores = np.array([0.50, 0.699, 0.700, 0.702, np.nan])
    replicates = np.nan_to_num(scores) + 0.004 * rng.standard_normal((2_000, 5))
    answer = front.pick(np.array([1.0, 2, 3, 4, 0.5]), scores, replicates)
    assert answer == {"picked": 1, "highest": 3, "top": [1, 2, 3], "reason": None}
    assert front.pick(np.array([1.0, 2, 3, 4, 0.5]), scores, replicates, largest=1.5)["picked"] == 0
    assert front.pick(np.array([1.0, 2, 3, 4, 0.5]), scores, replicates, largest=0.1)["reason"]


def test_degenerate_input_has_reasons_not_nan():
    for n in (0, 1, 2, 5):
        zeros = np.zeros(n)
        found = front.membership(np.ones(n), np.zeros((20, n)), np.zeros((20, n)))
        assert plain(found) and all(row["probability"] == 1 for row in found)
        assert front.groups(zeros, np.zeros((20, n))) == ["a"] * n
    missing = front.membership([1, math.nan], np.zeros((20, 2)), np.zeros((20, 2)))
    assert missing[1]["reason"] and missing[0]["probability"] == 1
    assert front.groups(np.array([1, math.nan]), np.zeros((20, 2))) == ["a", None]
