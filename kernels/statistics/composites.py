"""Several benchmarks in one figure: weighted, each resampled on its own, and whether they agree."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .draws import draws
from .intervals import finite, interval
from .paired import difference_interval, equivalence, verdict

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


def shares(benchmarks: Sequence[str], weights: Weights | None) -> dict[str, float]:
    """Each benchmark's part of a composite, by name in order, summing to 1.

    benchmarks: names, any number of times; weights: equal if None; one that is not named weighs 1.
    """
    of = {name: (weights or {}).get(name, 1.0) for name in sorted(set(benchmarks))}
    return {name: weight / sum(of.values()) for name, weight in of.items()}


def by_benchmark(
    scores: np.ndarray, benchmarks: Sequence[str], weights: Weights | None
) -> list[tuple[float, np.ndarray]]:
    """(its part of the composite, scores [n, q] of its prompts) of each benchmark, by name.

    scores: [q, n]; benchmarks: [n].
    """
    names = np.array([str(name) for name in benchmarks])
    return [
        (share, scores[:, names == name].T)
        for name, share in shares(names.tolist(), weights).items()
    ]


def composite_scores(
    scores: np.ndarray, benchmarks: Sequence[str], weights: Weights | None
) -> np.ndarray:
    """Composites [q] of scores [q, n], NaN where a quant did not answer.

    Equal composites may differ in their last digits: round them where ties count.
    """
    parts = by_benchmark(scores, benchmarks, weights)
    return np.sum([share * np.nanmean(part, axis=0) for share, part in parts], axis=0)


def score_replicates(
    scores: np.ndarray,
    benchmarks: Sequence[str],
    weights: Weights | None,
    n_resamples: int,
    seed: int,
) -> np.ndarray:
    """Composites [B, q] when prompts are resampled within their benchmark, the same for all quants.

    scores: [q, n], NaN where a quant did not answer; benchmarks: [n]. |score - reference's score|
    in place of scores gives the composite volume.
    """
    scores = np.atleast_2d(np.asarray(scores, float))
    found = np.zeros((n_resamples, len(scores)))
    for k, (share, part) in enumerate(by_benchmark(scores, benchmarks, weights)):
        has = np.isfinite(part)
        part = np.where(has, part, 0.0)
        for block, drawn in draws(len(part), n_resamples, seed + k):
            with np.errstate(invalid="ignore", divide="ignore"):
                means = (drawn @ part) / (len(part) if has.all() else drawn @ has)
            found[block] += share * means
    return found


def composite(
    differences: Sequence[Sequence[float] | np.ndarray],
    weights: Sequence[float],
    n_resamples: int,
    seed: int,
    margin: float,
) -> dict:
    """A weighted sum of benchmarks, scored 0/1 or graded, each resampled on its own.

    differences: one array per benchmark, score less the reference's score of every prompt; weights:
    one per benchmark, scaled here to sum to 1. Returns COMPOSITE, margin, verdict and reason.
    p_different: every disagreement's sign is a coin toss; p_equivalent: two one-sided tests on the
    bootstrap distribution, add-one.
    """
    answer = dict.fromkeys(COMPOSITE) | {"margin": margin, "verdict": "unresolved", "reason": None}
    arrays = [np.asarray(values, float) for values in differences]
    arrays = [values[np.isfinite(values)] for values in arrays]
    if not arrays or min(map(len, arrays)) < 2 or not sum(weights) > 0:
        return answer | {"reason": "a benchmark has fewer than 2 prompts"}
    parts = list(zip(np.asarray(weights, float) / sum(weights), arrays))
    volume = float(sum(w * np.abs(d).mean() for w, d in parts))
    if volume == 0:
        return answer | _without_disagreement(parts, margin)
    difference = float(sum(w * d.mean() for w, d in parts))
    replicates, tossed = _replicates(parts, n_resamples, np.random.default_rng(seed))
    low, high = interval(replicates)
    above, below = (
        float((1 + side.sum()) / (1 + n_resamples))
        for side in (replicates <= -margin, replicates >= margin)
    )
    different = float((1 + (np.abs(tossed) >= abs(difference) - 1e-12).sum()) / (1 + n_resamples))
    return answer | {
        "difference": difference,
        "standard_error": math.sqrt(sum(w**2 * d.var(ddof=1) / len(d) for w, d in parts)),
        "low": low,
        "high": high,
        "p_different": different,
        "p_equivalent": max(above, below),
        "p_not_inferior": above,
        "volume": volume,
        "direction": difference / volume,
        "verdict": verdict(different, difference, max(above, below)),
    }


def _without_disagreement(parts: list[tuple[float, np.ndarray]], margin: float) -> dict:
    """Nothing to resample: the score test's interval at the prompts that count."""
    effective = 1 / sum(w**2 / len(d) for w, d in parts)
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
    parts: list[tuple[float, np.ndarray]], n_resamples: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The composite difference [B] with prompts resampled, and [B] with its signs tossed anew."""
    replicates, tossed = np.zeros(n_resamples), np.zeros(n_resamples)
    for share, values in parts:
        # prompts of equal difference are interchangeable
        kinds, counts = np.unique(values, return_counts=True)
        drawn = rng.multinomial(len(values), counts / len(values), n_resamples)
        replicates += share * (drawn @ kinds) / len(values)
        sizes, counts = np.unique(np.abs(values[values != 0]), return_counts=True)
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
    quant: Sequence[float] | np.ndarray, replicate: Sequence[float] | np.ndarray
) -> dict:
    """The quant's volume above the floor that the reference has against its own second run.

    quant, replicate: |score - reference's score| of each prompt [n], by the quant and by the
    reference's other run. Returns prompts, volume, floor, excess with its t interval (low, high)
    and reason.
    """
    from scipy import stats

    both = np.array([quant, replicate], float).reshape(2, -1)
    both = both[:, np.isfinite(both).all(0)]
    answer = {"prompts": both.shape[1]} | dict.fromkeys(
        ("volume", "floor", "excess", "low", "high", "reason")
    )
    if both.shape[1] < 2:
        return answer | {"reason": f"{both.shape[1]} prompts, 2 needed"}
    excess = both[0] - both[1]
    answer |= {
        "volume": float(both[0].mean()),
        "floor": float(both[1].mean()),
        "excess": float(excess.mean()),
    }
    if not excess.any():
        return answer | {"reason": "no prompt differs: no interval"}
    low, high = map(float, stats.ttest_1samp(excess, 0).confidence_interval())
    return answer | {"low": finite(low), "high": finite(high)}
