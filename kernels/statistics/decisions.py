"""What a cohort's prompts decide between its quants, and how many would decide the rest.

Scores are fractions of 1; a difference is the second quant's score less the first's. Inside what is
not resolved nothing is called better. Items that ask one text are one unit of it.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from .composites import Weights, composite, composite_scores, score_replicates
from .front import groups, membership, pick, unlike
from .paired import compare
from .resolution import minimum_resolvable_difference, prompts_needed
from .texts import Prompts, design_effect, units


class Pair(NamedTuple):
    """Two quants on the items of a benchmark that both answered."""

    scores: np.ndarray  # [2, n]
    unit: np.ndarray  # [n] number of each item's text

    @property
    def gains(self) -> np.ndarray:
        """The second's score less the first's [n]."""
        return self.scores[1] - self.scores[0]

    @property
    def effective(self) -> float:
        """How many prompts of different texts would say as much."""
        return len(self.unit) / design_effect(self.gains, self.unit)


Pairs = dict[str, Pair]  # by benchmark


class Cohort(NamedTuple):
    """Answers of a cohort's quants to its prompts."""

    scores: np.ndarray  # [q, n], NaN where a quant did not answer
    reference: np.ndarray  # [n] the reference's
    prompts: Prompts  # benchmarks and texts
    weights: Weights


def common(scores: np.ndarray, prompts: Prompts) -> Pairs:
    """The items that both of two quants answered, by benchmark; scores: [2, n]."""
    names, both = np.array(prompts.groups, str), np.isfinite(scores).all(0)
    unit = units(prompts.texts, len(names))
    found = {name: both & (names == name) for name in np.unique(names[both]).tolist()}
    return {name: Pair(scores[:, here], units(unit[here])) for name, here in found.items()}


def compare_pair(
    pairs: Pairs, weights: Weights, n_resamples: int, seed: int, margin: float
) -> tuple[list[dict], dict]:
    """(a row for each benchmark, `composite` of all of them together).

    The whole has prompts, minimum_difference and prompts_for_margin besides.
    """
    rows = []
    for benchmark, pair in pairs.items():
        a, b = pair.scores
        gained, lost = int((b > a).sum()), int((b < a).sum())
        binary, effect = np.isin(pair.scores, (0, 1)).all(), len(a) / pair.effective
        found = (
            compare(gained / effect, lost / effect, pair.effective, margin)
            if binary
            else composite([pair.gains], [1.0], n_resamples, seed, margin, [pair.unit])
        )
        rows.append(
            {
                "benchmark": benchmark,
                "prompts": len(a),
                "first": float(a.mean()),
                "second": float(b.mean()),
                "only_second": gained,
                "only_first": lost,
                "difference": float((b - a).mean()),
                "low": found["low"],
                "high": found["high"],
                "p": found["p_mcnemar" if binary else "p_different"],
                "p_equivalent": found["p_equivalent"],
                "e_value": found.get("e_value"),
                "verdict": found["verdict"],
            }
        )
    differences, texts = zip(*((pair.gains, pair.unit) for pair in pairs.values()))
    of = [weights.get(name, 1.0) for name in pairs]
    whole = composite(differences, of, n_resamples, seed, margin, texts)
    volume, effective = whole["volume"] or 0.0, sum(pair.effective for pair in pairs.values())
    return rows, whole | {
        "prompts": sum(map(len, differences)),
        "minimum_difference": minimum_resolvable_difference(volume, effective),
        "prompts_for_margin": prompts_needed(volume, margin),
    }


def budget(pairs: Pairs, delta: float) -> list[dict]:
    """Prompts that resolve a true difference of delta, by benchmark and for all together."""
    volumes = {name: float(np.abs(pair.gains).mean()) for name, pair in pairs.items()}
    answered = {name: len(pair.unit) for name, pair in pairs.items()}
    effective = {name: pair.effective for name, pair in pairs.items()}
    if len(pairs) > 1:
        together = np.average(list(volumes.values()), weights=list(answered.values()))
        volumes["all together"] = float(together)
        answered["all together"] = sum(answered.values())
        effective["all together"] = sum(effective.values())
    return [
        {
            "benchmark": name,
            "answered": answered[name],
            "volume": volume,
            "delta": delta,
            "prompts_needed": prompts_needed(volume, delta),
            "found_by_these": minimum_resolvable_difference(volume, effective[name]),
        }
        for name, volume in volumes.items()
    ]


def choose(
    cohort: Cohort, sizes: np.ndarray, largest: float | None, n_resamples: int, seed: int
) -> tuple[list[dict], int | None, int | None]:
    """(a row for each quant, the one picked, the one of the highest score of those allowed).

    sizes: [q] bytes, NaN where not known; largest: bytes allowed, or None. None, None if no quant
    is that small. The pick is the smallest that is not resolved from the highest.
    """
    moved = np.abs(cohort.scores - cohort.reference)
    drawn, volumes = (
        score_replicates(part, cohort.prompts, cohort.weights, n_resamples, seed)
        for part in (cohort.scores, moved)
    )
    point, volume = (_composites(cohort, part) for part in (cohort.scores, moved))
    front, letters = membership(sizes, volumes, drawn), groups(point, drawn)
    choice = pick(sizes, point, drawn, largest)
    rows = [
        {
            "bytes": int(sizes[k]) if np.isfinite(sizes[k]) else None,
            "composite": float(point[k]),
            "volume": float(volume[k]),
            "group": letters[k],
            "on_front": front[k]["probability"],
            "picked": k == choice["picked"],
        }
        for k in range(len(sizes))
    ]
    return rows, choice["picked"], choice["highest"]


def resolves(cohort: Cohort, n_resamples: int, seed: int) -> dict:
    """What the prompts resolve at all.

    Returns volume (median against the reference), standard_error (of a composite less the
    reference's, median), minimum_difference (found at that volume), pairs, resolved (pairs whose
    scores differ, all judged together) and prompts_for_closest (that would resolve the pair of the
    smallest difference), None without such a pair.
    """
    drawn, reference = (
        score_replicates(part, cohort.prompts, cohort.weights, n_resamples, seed)
        for part in (cohort.scores, cohort.reference)
    )
    point = _composites(cohort, cohort.scores)
    pairs = list(combinations(range(len(point)), 2))
    gaps = [
        (abs(point[a] - point[b]), float(np.nanmean(np.abs(cohort.scores[a] - cohort.scores[b]))))
        for a, b in pairs
        if point[a] != point[b]
    ]
    closest = min(gaps, default=None)
    volume = float(np.median(np.nanmean(np.abs(cohort.scores - cohort.reference), axis=1)))
    unit = units(cohort.prompts.texts, cohort.scores.shape[1])
    effective = len(unit) / design_effect(np.zeros(len(unit)), unit)
    return {
        "volume": volume,
        "standard_error": float(np.median((drawn - reference).std(0))),
        "minimum_difference": minimum_resolvable_difference(volume, effective),
        "pairs": len(pairs),
        "resolved": int(np.triu(unlike(point, drawn), 1).sum()),
        "prompts_for_closest": closest and (prompts_needed(closest[1], closest[0]) or 0),
    }


def _composites(cohort: Cohort, scores: np.ndarray) -> np.ndarray:
    """Composites [q] of scores [q, n]; equal ones are ties."""
    return np.round(composite_scores(scores, cohort.prompts, cohort.weights), 12)
