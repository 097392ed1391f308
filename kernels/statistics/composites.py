"""Several benchmarks in one figure: weighted, each resampled on its own, and whether they agree.

benchmarks are the labels of items, or Prompts, which say too which of them ask one text.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .intervals import ALPHA, finite, interval
from .paired import difference_interval, equivalence, verdict
from .texts import Labels, Prompts, count, design_effect, item_draws, mean_variance, prompts, units

COMPOSITE = (
    "difference",
    "standard_error",
    "low",
    "high",
    "p_different",
    "p_equivalent",
    "p_not_inferior",
    "volume",
    "direction",
)
NO_DIRECTION = "no disagreement: no direction"
Weights = Mapping[str, float]


class Part(NamedTuple):
    """A benchmark of several."""

    share: float  # its part of the composite
    scores: np.ndarray  # [n, q] of its items
    unit: np.ndarray  # [n] number of each item's text


def shares(benchmarks: Sequence[str], weights: Weights | None) -> dict[str, float]:
    """Each benchmark's part of a composite, by name in order, summing to 1.

    benchmarks: names, any number of times; weights: equal if None; one that is not named weighs 1.
    """
    of = {name: (weights or {}).get(name, 1.0) for name in sorted(set(benchmarks))}
    return {name: weight / sum(of.values()) for name, weight in of.items()}


def by_benchmark(
    scores: np.ndarray, benchmarks: Labels | Prompts, weights: Weights | None
) -> list[Part]:
    """The benchmarks of scores [q, n], by name; benchmarks: [n]."""
    labels, texts = prompts(benchmarks)
    names = np.array([str(name) for name in labels])
    unit = units(texts, len(names))
    return [
        Part(share, scores[:, here].T, units(unit[here]))
        for name, share in shares(names.tolist(), weights).items()
        for here in [names == name]
    ]


def composite_scores(
    scores: np.ndarray, benchmarks: Labels | Prompts, weights: Weights | None
) -> np.ndarray:
    """Composites [q] of scores [q, n], NaN where a quant did not answer.

    Equal composites may differ in their last digits: round them where ties count.
    """
    parts = by_benchmark(scores, benchmarks, weights)
    return np.sum([part.share * np.nanmean(part.scores, axis=0) for part in parts], axis=0)


def score_replicates(
    scores: np.ndarray,
    benchmarks: Labels | Prompts,
    weights: Weights | None,
    n_resamples: int,
    seed: int,
) -> np.ndarray:
    """Composites [B, q] when texts are resampled within their benchmark, the same for all quants.

    scores: [q, n], NaN where a quant did not answer; benchmarks: [n]. |score - reference's score|
    in place of scores gives the composite volume.
    """
    scores = np.atleast_2d(np.asarray(scores, float))
    found = np.zeros((n_resamples, len(scores)))
    for k, (share, part, unit) in enumerate(by_benchmark(scores, benchmarks, weights)):
        has = np.isfinite(part)
        fixed = has.all() and count(unit) == len(part)  # as many items in every sample
        part = np.where(has, part, 0.0)
        for block, drawn in item_draws(unit, n_resamples, seed + k):
            with np.errstate(invalid="ignore", divide="ignore"):
                means = (drawn @ part) / (len(part) if fixed else drawn @ has)
            found[block] += share * means
    return found


def composite(
    differences: Sequence[Sequence[float] | np.ndarray],
    weights: Sequence[float],
    n_resamples: int,
    seed: int,
    margin: float,
    texts: Sequence[Labels | None] | None = None,
) -> dict:
    """A weighted sum of benchmarks, scored 0/1 or graded, each resampled on its own.

    differences: one array per benchmark, score less the reference's score of every item; weights:
    one per benchmark, scaled here to sum to 1; texts: each benchmark's, as in Prompts. Returns
    COMPOSITE, margin, verdict and reason. p_different: the sign of what every text gains is a coin
    toss; p_equivalent: two one-sided tests on the bootstrap distribution, add-one.
    """
    answer = dict.fromkeys(COMPOSITE) | {"margin": margin, "verdict": "unresolved", "reason": None}
    arrays = _known(differences, texts)
    if not arrays or min(count(unit) for _, unit in arrays) < 2 or not sum(weights) > 0:
        return answer | {"reason": "a benchmark has fewer than 2 prompts"}
    shared = np.asarray(weights, float) / sum(weights)
    parts = [Part(w, d, unit) for w, (d, unit) in zip(shared, arrays)]
    volume = float(sum(w * np.abs(d).mean() for w, d, _ in parts))
    if volume == 0:
        return answer | _without_disagreement(parts, margin)
    difference = float(sum(w * d.mean() for w, d, _ in parts))
    replicates, tossed = _replicates(parts, n_resamples, np.random.default_rng(seed))
    low, high = interval(replicates)
    above, below = (
        float((1 + side.sum()) / (1 + n_resamples))
        for side in (replicates <= -margin, replicates >= margin)
    )
    different = float((1 + (np.abs(tossed) >= abs(difference) - 1e-12).sum()) / (1 + n_resamples))
    return answer | {
        "difference": difference,
        "standard_error": math.sqrt(sum(w**2 * mean_variance(d, unit) for w, d, unit in parts)),
        "low": low,
        "high": high,
        "p_different": different,
        "p_equivalent": max(above, below),
        "p_not_inferior": above,
        "volume": volume,
        "direction": difference / volume,
        "verdict": verdict(different, difference, max(above, below)),
    }


def _known(
    differences: Sequence[Sequence[float] | np.ndarray], texts: Sequence[Labels | None] | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(differences, their texts' numbers) of each benchmark, without the missing."""
    arrays = []
    for values, labels in zip(differences, texts or [None] * len(differences)):
        found = np.asarray(values, float)
        unit, here = units(labels, len(found)), np.isfinite(found)
        arrays.append((found[here], units(unit[here])))
    return arrays


def _without_disagreement(parts: list[Part], margin: float) -> dict:
    """Nothing to resample: the score test's interval at the texts that count."""
    effective = 1 / sum(w**2 * design_effect(d, unit) / len(d) for w, d, unit in parts)
    low, high = difference_interval(0, 0, effective)
    same, above = equivalence(0, 0, effective, margin)
    return {
        "difference": 0.0,
        "standard_error": 0.0,
        "low": low,
        "high": high,
        "p_different": 1.0,
        "p_equivalent": same,
        "p_not_inferior": above,
        "volume": 0.0,
        "verdict": verdict(1.0, 0.0, same),
        "reason": NO_DIRECTION,
    }


def _replicates(
    parts: list[Part], n_resamples: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The composite difference [B] with texts resampled, and [B] with its signs tossed anew."""
    replicates, tossed = np.zeros(n_resamples), np.zeros(n_resamples)
    for share, values, unit in parts:
        texts = np.column_stack([np.bincount(unit, values), np.bincount(unit)])
        # texts of equal sum and size are interchangeable
        kinds, counts = np.unique(texts, axis=0, return_counts=True)
        drawn = rng.multinomial(len(texts), counts / len(texts), n_resamples)
        replicates += share * (drawn @ kinds[:, 0]) / (drawn @ kinds[:, 1])
        sums = np.abs(texts[:, 0])
        sizes, counts = np.unique(sums[sums != 0], return_counts=True)
        heads = rng.binomial(counts, 0.5, (n_resamples, len(sizes)))
        tossed += share * ((2 * heads - counts) @ sizes) / len(values)
    return replicates, tossed


def heterogeneity(
    leapfrogs: Sequence[int], drops: Sequence[int], n_resamples: int, seed: int
) -> dict:
    """Do the benchmarks disagree about the direction? Chi-square of leapfrogs and drops by each.

    leapfrogs, drops: [b] counts. p is by random tables of the same margins; benchmarks without
    disagreement are left out. Returns benchmarks, statistic, p and reason.
    """
    from scipy import stats

    table = np.array([leapfrogs, drops], int).reshape(2, -1)
    table = table[:, table.sum(0) > 0]
    answer = {"benchmarks": table.shape[1], "statistic": None, "p": None, "reason": None}
    if table.shape[1] == 0:
        return answer | {"reason": "no disagreement"}
    if table.shape[1] < 2:
        return answer | {"reason": "one benchmark with disagreement"}
    if not table.sum(1).all():
        return answer | {"reason": "every disagreement goes the same way"}
    found = stats.chi2_contingency(table, correction=False)
    dealt = stats.random_table(*(table.sum(axis) for axis in (1, 0))).rvs(
        n_resamples, random_state=np.random.default_rng(seed)
    )
    statistics = ((dealt - found.expected_freq) ** 2 / found.expected_freq).sum((1, 2))
    p = (1 + (statistics >= found.statistic - 1e-9).sum()) / (1 + n_resamples)
    return answer | {"statistic": float(found.statistic), "p": float(p)}


def excess_volume(
    quant: Sequence[float] | np.ndarray,
    replicate: Sequence[float] | np.ndarray,
    texts: Labels | None = None,
) -> dict:
    """The quant's volume above the floor that the reference has against its own second run.

    quant, replicate: |score - reference's score| of each prompt [n], by the quant and by the
    reference's other run; texts: [n]. Returns prompts, volume, floor, excess with its t interval
    over texts (low, high) and reason.
    """
    from scipy import stats

    both = np.array([quant, replicate], float).reshape(2, -1)
    known = np.isfinite(both).all(0)
    both, unit = both[:, known], units(units(texts, len(known))[known])
    answer = {"prompts": both.shape[1]} | dict.fromkeys(
        ("volume", "floor", "excess", "low", "high", "reason")
    )
    if count(unit) < 2:
        return answer | {"reason": f"{count(unit)} prompts, 2 needed"}
    excess = both[0] - both[1]
    answer |= {
        "volume": float(both[0].mean()),
        "floor": float(both[1].mean()),
        "excess": float(excess.mean()),
    }
    if not excess.any():
        return answer | {"reason": "no prompt differs: no interval"}
    error = math.sqrt(mean_variance(excess, unit))
    low, high = map(float, stats.t(count(unit) - 1, excess.mean(), error).interval(1 - ALPHA))
    return answer | {"low": finite(low), "high": finite(high)}
