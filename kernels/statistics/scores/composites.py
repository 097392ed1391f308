"""Several benchmarks in one figure: weighted, each resampled on its own.

benchmarks are the labels of items, or Prompts, which say too which of them ask one text.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..answers import Sheet
from ..texts import Labels, Prompts, count, item_draws, prompts, units

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


def weighted(gains: np.ndarray, found: Sheet) -> np.ndarray:
    """Gains [m, n] times what each weighs in its row's sum, 0 where NaN: rows sum to composites."""
    kinds, number = np.unique(np.array(found.prompts.groups, str), return_inverse=True)
    has = np.isfinite(gains)
    answered = np.array([np.bincount(number, row, len(kinds)) for row in has])
    weight = np.array([found.weights[kind] for kind in kinds.tolist()]) * (answered > 0)
    share = weight / np.maximum(weight.sum(1, keepdims=True), 1e-300) / np.maximum(answered, 1)
    return np.where(has, gains, 0.0) * share[:, number]


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
