"""What the statistics promise, a file per subject, each in worlds whose truth is known."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

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
