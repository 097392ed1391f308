"""Chunks, prompts and fronts: cluster errors and resampling against SciPy, closed forms and brute
force.
"""

import math

import numpy as np
import pytest
from plain import plain
from scipy import stats as scipy_stats

from qwh.kernels.statistics import clusters, pareto


def chunks(seed: int, shared: float = 1.0, count: int = 60) -> list[np.ndarray]:
    """Token values of chunks of 40 to 80 tokens that share a chunk effect."""
    rng = np.random.default_rng(seed)
    return [
        2 + shared * rng.standard_normal() + rng.standard_normal(rng.integers(40, 81))
        for _ in range(count)
    ]


def sums(values: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    return tuple(
        np.array([f(part) for part in values]) for f in (len, np.sum, lambda part: (part**2).sum())
    )


def test_mean_over_chunks():
    n, totals, squares = sums(chunks(0))
    answer = clusters.mean(n, totals, squares)
    value = totals.sum() / n.sum()
    assert answer["standard_error"] == pytest.approx(
        math.sqrt(60 / 59 * ((totals - value * n) ** 2).sum()) / n.sum()
    )
    tokens = np.concatenate(chunks(0))
    assert answer["mean"] == pytest.approx(tokens.mean()) and answer[
        "standard_error_iid"
    ] == pytest.approx(scipy_stats.sem(tokens))
    # 1 + (tokens - 1) x correlation inside a chunk
    assert answer["design_effect"] == pytest.approx(1 + 60 * 0.5, rel=0.4)
    assert answer["effective_tokens"] == pytest.approx(len(tokens) / answer["design_effect"])
    independent = clusters.mean(*sums(chunks(1, shared=0.0)))
    assert independent["design_effect"] == pytest.approx(1, abs=0.5)


def test_the_interval_over_chunks_holds_the_truth():
    held = sum(
        (answer := clusters.mean(*sums(chunks(seed, count=20))))["low"] <= 2 <= answer["high"]
        for seed in range(400)
    )
    assert 0.92 < held / 400 < 0.98


def test_ratio_is_scipys_bootstrap():
    n, totals, _ = sums(chunks(2))
    answer = clusters.ratio(totals, n, 10_000, 1)
    for method, low, high in (("percentile", "low", "high"), ("BCa", "bca_low", "bca_high")):
        interval = scipy_stats.bootstrap(
            (totals, n),
            lambda a, b, axis: a.sum(axis) / b.sum(axis),
            paired=True,
            vectorized=True,
            n_resamples=10_000,
            method=method,
            rng=2,
        ).confidence_interval
        assert (answer[low], answer[high]) == pytest.approx(tuple(interval), abs=0.02)


def test_quantiles_from_histograms():
    rng = np.random.default_rng(3)
    tokens = [np.exp(0.3 * rng.standard_normal() + rng.standard_normal(500)) for _ in range(40)]
    logs = np.arange(-240, 241) / 40
    histograms = np.array([np.histogram(np.log(part), logs)[0] for part in tokens])
    wanted = (0.5, 0.9, 0.99, 0.999)
    found = clusters.quantiles(histograms, np.exp(logs), wanted, 2_000, 1)
    every = np.concatenate(tokens)
    for p, answer in zip(wanted, found):
        assert answer["value"] == pytest.approx(np.quantile(every, p), rel=0.03)
    assert (
        found[3]["reason"] == "20 tokens beyond it, 100 needed for an interval"
        and found[3]["low"] is None
    )
    drawn = np.random.default_rng(4).integers(0, 40, (400, 40))
    medians = [np.median(np.concatenate([tokens[k] for k in row])) for row in drawn]
    assert (found[0]["low"], found[0]["high"]) == pytest.approx(
        tuple(np.quantile(medians, (0.025, 0.975))), rel=0.03
    )
    assert plain(found)


def test_prompts_are_drawn_within_benchmarks_and_jointly():
    rng = np.random.default_rng(5)
    benchmarks = np.repeat(["a", "b"], (100, 300))
    scores = (rng.random((3, 400)) < 0.6).astype(float)
    scores[1] = scores[0]
    found = clusters.score_replicates(scores, benchmarks, {"a": 3}, 8_000, 1)
    a, b = scores[:, :100], scores[:, 100:]
    assert found.mean(0) == pytest.approx(0.75 * a.mean(1) + 0.25 * b.mean(1), abs=2e-3)
    assert found.std(0) == pytest.approx(
        np.sqrt(0.75**2 * a.var(1) / 100 + 0.25**2 * b.var(1) / 300), rel=0.04
    )
    assert (found[:, 0] == found[:, 1]).all()
    holes = np.where(rng.random((3, 400)) < 0.2, np.nan, scores)
    assert np.isfinite(clusters.score_replicates(holes, benchmarks, None, 50, 1)).all()


def test_chunk_means_are_drawn_jointly():
    values = np.random.default_rng(6).normal(size=(2, 30)) + 5
    found = clusters.mean_replicates(values, np.ones(30), 8_000, 1)
    assert found.std(0) == pytest.approx(values.std(1) / math.sqrt(30), rel=0.04)
    assert np.corrcoef(found.T)[0, 1] == pytest.approx(np.corrcoef(values)[0, 1], abs=0.04)


def test_two_level_intervals():
    quants, rng = 20, np.random.default_rng(7)
    x = np.sort(rng.random(quants))
    for noise, tight in ((0.01, True), (0.5, False)):
        y = -x + noise * rng.standard_normal(quants)
        targets = np.stack([y, np.where(x < 0.2, np.nan, y)])
        cells = clusters.two_level(
            x[None],
            targets,
            x + 1e-4 * rng.standard_normal((1, 800, quants)),
            targets[:, None] + noise * rng.standard_normal((1, 800, quants)),
            1,
        )
        answer = cells[0]
        assert cells[1]["n"] == (x >= 0.2).sum() and plain(cells)
        assert answer["rho"] == pytest.approx(scipy_stats.spearmanr(x, y).statistic)
        assert (answer["noise_high"] - answer["noise_low"] < 0.05) == tight and answer[
            "high"
        ] - answer["low"] > answer["noise_high"] - answer["noise_low"]
        assert answer["shrinkage"] < 1.001
    rows = clusters.rank_correlation(
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

    for k, answer in enumerate(pareto.membership(sizes, volumes, scores)):
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
        letters, apart = pareto.groups(scores, replicates), pareto.unlike(scores, replicates)
        for i, j in np.ndindex(12, 12):
            assert bool(set(letters[i]) & set(letters[j])) == (i == j or not apart[i, j])
        assert "a" in letters[int(np.argmax(scores))]
        if spread == 0:
            assert set(letters) == {"a"}


def test_equal_quants_are_told_apart_no_oftener_than_they_may():
    rng, found = np.random.default_rng(10), 0
    for seed in range(200):
        scores = (rng.random((8, 400)) < 0.6).astype(float)
        found += pareto.unlike(
            scores.mean(1), clusters.score_replicates(scores, ["a"] * 400, None, 400, seed)
        ).any()
    assert scipy_stats.binomtest(int(found), 200, 0.05, alternative="greater").pvalue > 0.001


def test_concordance_counts_resolved_pairs_only():
    measure, scores = np.array([1.0, 2, 3, 4]), np.array([0.70, 0.71, 0.60, 0.50])
    replicates = scores + 0.01 * np.random.default_rng(12).standard_normal((2_000, 4))
    assert pareto.resolved_concordance(measure, scores, pareto.unlike(scores, replicates)) == {
        "pairs": 6,
        "resolved": 5,
        "concordance": 1.0,
        "reason": None,
    }
    assert pareto.resolved_concordance(measure, scores, np.ones((4, 4), bool))[
        "concordance"
    ] == pytest.approx(5 / 6)
    assert pareto.resolved_concordance(measure, scores, np.zeros((4, 4), bool))["reason"] and plain(
        pareto.resolved_concordance([], [], np.zeros((0, 0)))
    )


def test_the_smallest_of_the_top_group_is_picked():
    rng = np.random.default_rng(11)
    scores = np.array([0.50, 0.699, 0.700, 0.702, np.nan])
    replicates = np.nan_to_num(scores) + 0.004 * rng.standard_normal((2_000, 5))
    answer = pareto.pick(np.array([1.0, 2, 3, 4, 0.5]), scores, replicates)
    assert answer == {"picked": 1, "highest": 3, "top": [1, 2, 3], "reason": None}
    assert (
        pareto.pick(np.array([1.0, 2, 3, 4, 0.5]), scores, replicates, largest=1.5)["picked"] == 0
    )
    assert pareto.pick(np.array([1.0, 2, 3, 4, 0.5]), scores, replicates, largest=0.1)["reason"]


def test_degenerate_input_has_reasons_not_nan():
    for n in (0, 1, 2, 5):
        counts, zeros = np.full(n, 10), np.zeros(n)
        for answer in (
            clusters.mean(counts, zeros, zeros),
            clusters.mean(zeros, zeros, zeros),
            clusters.ratio(zeros, zeros, 20, 1),
            clusters.mean(counts, np.full(n, np.nan), zeros),
        ):
            assert plain(answer) and answer["reason"]
        assert plain(clusters.ratio(zeros, counts, 20, 1))
        assert plain(
            clusters.quantiles(np.zeros((max(1, n), 4), int), np.arange(1, 6), [0.5, 0.999], 20, 1)
        )
        assert plain(
            clusters.two_level(
                zeros[None], zeros[None], np.zeros((1, 20, n)), np.zeros((1, 20, n)), 1
            )
        )
        front = pareto.membership(np.ones(n), np.zeros((20, n)), np.zeros((20, n)))
        assert plain(front) and all(row["probability"] == 1 for row in front)
        assert pareto.groups(zeros, np.zeros((20, n))) == ["a"] * n
    missing = pareto.membership([1, math.nan], np.zeros((20, 2)), np.zeros((20, 2)))
    assert missing[1]["reason"] and missing[0]["probability"] == 1
    assert pareto.groups(np.array([1, math.nan]), np.zeros((20, 2))) == ["a", None]
