"""Each chunk's own value out of the means over all chunks so far: x_n = n m_n - (n - 1) m_(n-1).

A printed number stands for the interval of everything that rounds to it; the interval goes through
the formula. Chunks hold equally many positions, so a mean over positions is the mean over chunks.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from .port import ChunkStatistic

NOT_FINITE = "running means that are nan or inf"
NO_PREDECESSOR = "chunks without a running mean before them"
CONTRADICTION = "chunks whose running means contradict each other"


class Form(NamedTuple):
    """How a printed mean comes from the chunks."""

    metric: str  # of one chunk
    averaged: Callable[[float], float]  # of the printed number
    inverse: Callable[[float], float]
    smallest: float  # possible value of a chunk, averaged
    largest: float


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _square(value: float) -> float:
    return value * abs(value)


FORMS = {  # by printed metric
    "ppl": Form("nll_mean", _log, float, 0.0, math.inf),
    "dp_rms": Form("dp_rms", _square, math.sqrt, 0.0, 1.0),
    "ln_ppl_ratio": Form("ln_ppl_ratio", float, float, -math.inf, math.inf),
    "kld_mean": Form("kld_mean", float, float, -math.inf, math.inf),
    "top1_agreement": Form("top1_agreement", float, float, 0.0, 1.0),
}


def chunk_values(
    metric: str, printed: dict[int, tuple[float | None, float]]
) -> tuple[list[ChunkStatistic], dict[str, int]]:
    """The chunks, counted from 0, and what was left out.

    printed: chunk, counted from 1 -> (running mean, half its last digit); None where it is not
    finite. ppl gives nll_mean in nats. A value is the middle of its interval, precision half the
    interval's width.
    """
    name, averaged, inverse, smallest, largest = FORMS[metric]
    chunks, left_out = list[ChunkStatistic](), dict[str, int]()
    for n, (mean, half) in printed.items():
        before, half_before = printed.get(n - 1, (None, 0.0)) if n > 1 else (0.0, 0.0)
        if mean is None or before is None:
            reason = NOT_FINITE if mean is None or n - 1 in printed else NO_PREDECESSOR
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        low, high = (averaged(mean - half), averaged(mean + half))
        low_before, high_before = (
            (averaged(before - half_before), averaged(before + half_before))
            if n > 1
            else (0.0, 0.0)
        )
        low, high = n * low - (n - 1) * high_before, n * high - (n - 1) * low_before
        if not (max(low, smallest) <= min(high, largest) and math.isfinite(high - low)):
            left_out[CONTRADICTION] = left_out.get(CONTRADICTION, 0) + 1
            continue
        low, high = inverse(max(low, smallest)), inverse(min(high, largest))
        chunks.append(ChunkStatistic(n - 1, name, (low + high) / 2, (high - low) / 2))
    return chunks, left_out
