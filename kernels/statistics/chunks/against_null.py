"""A mean over one text's chunks, held against the value that means nothing happened."""

from typing import NamedTuple

import numpy as np

from .clusters import SMALLEST_CHUNKS, estimates, scores
from .skewed import cautious_ends, cautious_p

FEW = f"fewer than {SMALLEST_CHUNKS} chunks"
NO_SPREAD = "the figure is the same on every chunk"
NOTHING = "no position counts"


class Tested(NamedTuple):
    """A figure with what can be said of it; where there is no p there is a reason."""

    figure: float | None = None  # mean over positions
    standard_error: float | None = None  # a chunk is one observation
    low: float | None = None  # 95 % interval
    high: float | None = None
    p: float | None = None  # two-sided, not adjusted
    effect: float = float("nan")  # distance from the null in standard deviations of one chunk
    reason: str | None = None


def tested(totals: np.ndarray, sizes: np.ndarray, null: float, correlation: float) -> Tested:
    """The mean of totals [c] over sizes [c], chunks in order; see clusters.py and skewed.py."""
    chunks = len(totals)
    if not sizes.any():
        return Tested(reason=NOTHING)
    mean, deviations = scores(totals[None], sizes[None])
    figure = float(mean[0])
    if chunks < 2:
        return Tested(figure, reason=FEW)
    scale = np.array([np.abs(totals).sum() / sizes.sum()])
    found = estimates(mean, deviations, scale, correlation)
    plain = float(found.plain[0])
    if chunks < SMALLEST_CHUNKS:
        return Tested(figure, plain, reason=FEW)
    if np.isnan(found.error[0]):
        return Tested(figure, plain, reason=NO_SPREAD)
    low, high = (float(end[0]) for end in cautious_ends(found))
    p = float(cautious_p(found, null)[0])
    effect = abs(figure - null) * found.caution / float(found.error[0]) / np.sqrt(chunks)
    return Tested(figure, plain, low, high, p, float(effect))
