"""Is a quant's KLD more than what the engine itself moves when it reads the reference again?

On every chunk the control's KLD is taken from the quant's, so that what a text does to both falls
out. Nothing is subtracted from any figure that is shown: it is a test, and its interval.
"""

from typing import Annotated, NamedTuple

import numpy as np

from ..intervals import ALPHA, finite
from ..multiplicity import holm, resolves
from ..port import Counts, Numbers, Texts, statistic
from .against_null import FEW, NOTHING, Tested, tested
from .clusters import Chunks, Neighbours, Text, texts_of
from .text_power import chunks_needed


class FloorChunks(NamedTuple):
    """One row per quant, text and chunk, as fct_floor_chunks has them."""

    corpus_id: Annotated[Texts, "the text"]
    context_length: Annotated[Counts, "tokens per chunk"]
    estimator: Annotated[Texts, "the scorer behind the numbers"]
    route: Annotated[Texts, "the engines of both sides"]
    quant_id: Annotated[Texts, "the quant"]
    chunk: Annotated[Counts, "number of the chunk in the text"]
    total: Annotated[Numbers, "sum of the quant's KLD over the chunk's positions, nats"]
    floor: Annotated[Numbers, "sum of the control's over as many positions, nats"]
    n: Annotated[Numbers, "positions that are summed"]


class AboveFloor(NamedTuple):
    """One row per text, scorer, route and quant."""

    corpus_id: Annotated[str, "the text"]
    context_length: Annotated[int, "tokens per chunk"]
    estimator: Annotated[str, "the scorer behind the numbers"]
    route: Annotated[str, "the engines of both sides"]
    quant_id: Annotated[str, "the quant"]
    chunks: Annotated[int, "chunks that quant and control have"]
    n: Annotated[int, "positions in them"]
    difference: Annotated[float | None, "the quant's mean KLD less the control's on them, nats"]
    standard_error: Annotated[
        float | None, "of the difference, chunks as one observation each; null with one"
    ]
    low: Annotated[
        float | None,
        "95 % interval: t over chunks, widened for neighbours that are alike and by Hall's (1992)"
        " cubic for their skew",
    ]
    high: Annotated[float | None, "the same"]
    p: Annotated[float | None, "two-sided p that there is no difference, of the same"]
    p_adjusted: Annotated[float | None, "by Holm over all quants and texts"]
    chunks_needed: Annotated[
        int | None,
        "chunks that would tell it among all of these (80 % power) if this is the difference",
    ]
    verdict: Annotated[str, "above_floor, not_above_floor or too_few_chunks"]
    reason: Annotated[str | None, "why there is no p"]


@statistic
def above_floor(rows: FloorChunks, settings: Neighbours) -> list[AboveFloor]:
    """Every quant's KLD on every text against the control's of the same chunks."""
    correlation = settings.neighbour_correlation
    differences = Chunks(
        rows.corpus_id,
        rows.context_length,
        rows.estimator,
        rows.route,
        rows.quant_id,
        rows.chunk,
        rows.total - rows.floor,
        rows.n,
    )
    read = [
        (text, k, _against_floor(text, k, correlation))
        for text in texts_of(differences)
        for k in range(len(text.quants))
    ]
    adjusted = holm(np.array([np.nan if found.p is None else found.p for _, _, found in read]))
    tests = max(1, int(np.isfinite(adjusted).sum()))
    effects = np.array([_above(found) for _, _, found in read])
    needed = chunks_needed(effects, ALPHA / tests, correlation)
    return [
        AboveFloor(
            *text.key,
            text.quants[k],
            int(np.isfinite(text.totals[k]).sum()),
            int(np.nansum(text.sizes[k])),
            *found[:5],
            finite(float(p)),
            chunks,
            _verdict(found, p),
            found.reason,
        )
        for (text, k, found), p, chunks in zip(read, adjusted, needed)
    ]


def _against_floor(text: Text, row: int, correlation: float) -> Tested:
    """A quant on a text; nothing of it is adjusted."""
    known = np.isfinite(text.totals[row])
    return tested(text.totals[row, known], text.sizes[row, known], 0.0, correlation)


def _above(found: Tested) -> float:
    """How far it lies above, in standard deviations of one chunk; NaN where it does not."""
    return found.effect if found.figure is not None and found.figure > 0 else float("nan")


def _verdict(found: Tested, p_adjusted: float) -> str:
    if found.reason in (FEW, NOTHING) or found.figure is None:
        return "too_few_chunks"
    above = found.figure > 0 and resolves(p_adjusted)
    return "above_floor" if above else "not_above_floor"
