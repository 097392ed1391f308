"""Means over a text whose chunks are the observations: errors, intervals and p by Student's t.

Tokens of a chunk are alike, and neighbouring chunks may be (they tell of one thing). So at most
LARGEST blocks of neighbours are observations, and the error is widened as if neighbouring chunks
still had a given correlation.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np

from ..intervals import ALPHA
from ..port import Counts, Numbers, Texts

SMALLEST_CHUNKS = 4  # below them nothing is said of a text
LARGEST = 32  # from so many chunks on, neighbours are joined
NO_SPREAD = 1e-12  # of the size of what is summed; less is rounding


class Chunks(NamedTuple):
    """One row per quant, text and chunk, as fct_chunks has them."""

    corpus_id: Annotated[Texts, "the text"]
    context_length: Annotated[Counts, "tokens per chunk"]
    estimator: Annotated[Texts, "the scorer behind the numbers"]
    kind: Annotated[Texts, "what is summed"]
    quant_id: Annotated[Texts, "the quant"]
    chunk: Annotated[Counts, "number of the chunk in the text"]
    total: Annotated[Numbers, "sum over the chunk's positions"]
    n: Annotated[Numbers, "positions that are summed"]


class Neighbours(NamedTuple):
    """What is allowed for."""

    neighbour_correlation: Annotated[
        float, "correlation of neighbouring chunks that errors allow for, 0 to 1"
    ]


class Text(NamedTuple):
    """One text, scorer and kind of sum: q quants by name, c chunks in order."""

    key: tuple[str, int, str, str]  # corpus_id, context_length, estimator, kind
    quants: list[str]
    totals: np.ndarray  # [q, c], NaN where a quant has no such chunk
    sizes: np.ndarray  # [q, c], the same


class Estimates(NamedTuple):
    """Figures with their errors, [m] each."""

    figure: np.ndarray
    plain: np.ndarray  # standard error, a chunk is one observation
    error: np.ndarray  # the one that intervals and p use; NaN where there is no spread
    caution: float  # by what it is widened
    df: int
    skew: np.ndarray  # of the blocks


def texts_of(rows: Chunks) -> list[Text]:
    """The rows of each text, scorer and kind as one table."""
    keys = list(zip(rows.corpus_id, rows.context_length.tolist(), rows.estimator, rows.kind))
    members: dict[tuple[str, int, str, str], list[int]] = {}
    for row, key in enumerate(keys):
        members.setdefault(key, []).append(row)
    return [_text(key, rows, np.array(members[key])) for key in sorted(members)]


def _text(key: tuple[str, int, str, str], rows: Chunks, here: np.ndarray) -> Text:
    quants, quant = np.unique(rows.quant_id[here].astype(str), return_inverse=True)
    chunks, chunk = np.unique(rows.chunk[here], return_inverse=True)
    totals, sizes = np.full((2, len(quants), len(chunks)), np.nan)
    known = np.isfinite(rows.total[here]) & np.isfinite(rows.n[here])
    totals[quant[known], chunk[known]] = rows.total[here][known]
    sizes[quant[known], chunk[known]] = rows.n[here][known]
    return Text(key, quants.tolist(), totals, sizes)


def scores(totals: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean over positions [m], what each chunk adds to its deviation [m, c], summing to 0)."""
    whole = sizes.sum(1)
    mean = totals.sum(1) / whole
    return mean, (totals - mean[:, None] * sizes) / whole[:, None]


def estimates(
    figure: np.ndarray, deviations: np.ndarray, scale: np.ndarray, correlation: float
) -> Estimates:
    """Errors of figures [m] whose chunks deviate so, [m, c] with c of 2 or more.

    The ratio estimator's, chunks corrected by c / (c - 1). scale: [m] size of what is summed.
    """
    chunks = deviations.shape[1]
    blocks, caution = layout(chunks, correlation)
    starts = -(-np.arange(blocks) * chunks // blocks)
    joined = np.add.reduceat(deviations, starts, axis=1)
    plain = np.sqrt(chunks / (chunks - 1) * (deviations**2).sum(1))
    error = np.sqrt(blocks / (blocks - 1) * (joined**2).sum(1))
    spread = np.minimum(plain, error) > NO_SPREAD * scale
    skew = np.full(len(figure), np.nan)
    skew[spread] = (joined[spread] ** 3).mean(1) / (joined[spread] ** 2).mean(1) ** 1.5
    error = np.where(spread, caution * error, np.nan)
    return Estimates(figure, plain, error, caution, blocks - 1, skew)


def layout(chunks: int, correlation: float) -> tuple[int, float]:
    """(blocks of neighbouring chunks, by what their error is widened).

    Chunks of an autoregression of that correlation: the long-run variance of their sum over that
    of a block's, in blocks of so many.
    """
    length = max(1, chunks // LARGEST)
    r = correlation
    whole = (1 + r) / (1 - r)
    within = whole - 2 * r * (1 - r**length) / (length * (1 - r) ** 2)
    return chunks // length, math.sqrt(whole / within)


def p_values(found: Estimates) -> np.ndarray:
    """Two-sided p [m] that the figure is 0; NaN without spread."""
    from scipy.stats import t

    return 2 * t.sf(np.abs(found.figure) / found.error, found.df)


def half_widths(found: Estimates) -> np.ndarray:
    """Half of each 95 % interval, [m]; NaN without spread."""
    from scipy.stats import t

    return t.ppf(1 - ALPHA / 2, found.df) * found.error
