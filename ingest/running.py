"""Figures of a text while it is read: means over its chunks so far, and when they are sure."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..kernels.scorers import dispatch
from .lockstep import Rows


class Sums(NamedTuple):
    """Of one chunk's rows, in nats; kld is 0 for a reference."""

    rows: int = 0
    finite: int = 0
    nll: float = 0.0
    kld: float = 0.0

    def plus(self, rows: Rows) -> "Sums":
        """With the rows of one more block."""
        if isinstance(rows, dispatch.ReferenceRows):
            finite, nll, kld = rows.finite_ref, rows.nll_ref, 0.0
        else:
            finite, nll, kld = rows.finite, rows.nll, _sum(rows.kld[rows.finite])
        return Sums(
            self.rows + len(finite),
            self.finite + int(np.count_nonzero(finite)),
            self.nll + _sum(nll[finite]),
            self.kld + kld,
        )


class Mean(NamedTuple):
    """A mean and its standard error; None for fewer than two chunks."""

    value: float
    error: float | None

    @property
    def relative_error(self) -> float:
        """Error by size: 0 where nothing differs, infinite where nothing is known."""
        if self.error is None or math.isnan(self.value):
            return math.inf
        return self.error / abs(self.value) if self.value else math.inf if self.error else 0.0

    def __str__(self) -> str:
        if not self.error or not math.isfinite(self.error):
            return f"{self.value:.4g}"
        digits = max(0, 1 - math.floor(math.log10(self.error)))
        return f"{self.value:.{digits}f}±{self.error:.{digits}f}"


def _sum(values: np.ndarray) -> float:
    """NaN adds nothing: a clipped target has no NLL."""
    return float(np.nansum(values, dtype=np.float64))


def mean(totals: Sequence[float], counts: Sequence[int]) -> Mean:
    """A ratio of sums over chunks, with its error from the chunks' residuals.

    As macros/ratio_error.sql has it for the tables.
    """
    total, count = np.asarray(totals, float), np.asarray(counts, float)
    chunks, whole = len(count), count.sum()
    if not whole:
        return Mean(math.nan, None)
    value = total.sum() / whole
    if chunks < 2:
        return Mean(float(value), None)
    spread = ((total - value * count) ** 2).sum()
    return Mean(float(value), math.sqrt(chunks / (chunks - 1) * spread) / whole)


def mean_kld(chunks: Sequence[Sums]) -> Mean:
    """A quant's mean KLD, nats."""
    return mean([each.kld for each in chunks], [each.finite for each in chunks])


def perplexity(chunks: Sequence[Sums]) -> Mean:
    """Perplexity, with the error that the mean NLL carries over."""
    found = mean([each.nll for each in chunks], [each.finite for each in chunks])
    value = math.exp(min(found.value, 700.0))
    return Mean(value, None if found.error is None else value * found.error)


def enough(quants: Sequence[Sequence[Sums]], least: int, until: float) -> int | None:
    """The first number of chunks, from `least` on, at which all mean KLDs are as sure as `until`.

    quants: each one's chunks; until: largest relative error. None: not within what all have read.
    """
    read = min(map(len, quants))
    for chunks in range(least, read + 1):
        if all(mean_kld(each[:chunks]).relative_error <= until for each in quants):
            return chunks
    return None
