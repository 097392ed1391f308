"""What the statistics promise, a file per subject, each in worlds whose truth is known."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from qwh.database.settings import variables

HOLDS, SIZE, RIGHT = (0.93, 0.97), (0.0, 0.05), (0.90, 1.0)
VARS = variables()
MARGIN, CLIP, SPLITS = VARS["margin"], VARS["kld_clip"], VARS["n_splits"]


class Promise(NamedTuple):
    """Whether it was kept in each world (or a figure of it), and where the mean ought to lie."""

    what: str
    found: Sequence[float]
    range: tuple[float, float]


Promises = Callable[[int, int], Iterator[Promise]]  # of so many worlds, from a seed


def holds(answer: dict, truth: float, low: str = "low", high: str = "high") -> bool:
    """Whether an interval is there and holds the truth."""
    return answer[low] is not None and answer[low] <= truth <= answer[high]


def line(promise: Promise) -> str:
    """A promise with its figure, the figure's error, and whether it was kept."""
    values = np.asarray(promise.found, float)
    mean = values.mean()
    error = 2 * max(values.std(), 0.5 / len(values)) / math.sqrt(len(values))
    low, high = promise.range
    word = "" if low - error <= mean <= high + error else "outside"
    return f"{promise.what:<98}{mean:>8.3f}{error:>7.3f}   {low:g} to {high:g} {word}"
