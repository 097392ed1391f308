"""Quants held against one another on a text alone, chunk by chunk.

What two quants have in common on a chunk falls out of their difference, so that it is far better
known than either mean. A text tells which of two lies closer to the reference on it, loses less, or
changes fewer first choices; which does a task better it cannot tell.
"""

from typing import Annotated, NamedTuple

import numpy as np

from ..intervals import ALPHA, finite
from ..multiplicity import holm, resolves
from ..port import statistic
from .clusters import (
    SMALLEST_CHUNKS,
    Chunks,
    Neighbours,
    Text,
    estimates,
    half_widths,
    p_values,
    scores,
    texts_of,
)
from .evidence import e_values
from .text_power import chunks_needed

FEW = f"fewer than {SMALLEST_CHUNKS} chunks in common"
NO_SPREAD = "the difference is the same on every chunk"
NO_DIFFERENCE = "no chunk differs"


class TextPair(NamedTuple):
    """One row per text, scorer, kind and pair of quants."""

    corpus_id: Annotated[str, "the text"]
    context_length: Annotated[int, "tokens per chunk"]
    estimator: Annotated[str, "the scorer behind the numbers"]
    kind: Annotated[str, "kld, loss (NLL) or flips (another most likely token)"]
    quant_id: Annotated[str, "the quant"]
    other_quant_id: Annotated[str, "the quant that it is held against"]
    figure: Annotated[
        float | None, "mean over positions of the other less that of quant_id: nats, or share"
    ]
    standard_error: Annotated[float | None, "of the difference, chunks as one observation each"]
    low: Annotated[
        float | None, "95 % interval: t over chunks, widened for neighbours that are alike"
    ]
    high: Annotated[float | None, "the same"]
    p: Annotated[float | None, "two-sided p of the same t"]
    p_adjusted: Annotated[float | None, "by Holm over all pairs of this text and kind"]
    e_value: Annotated[
        float | None,
        "evidence that the two are unlike; 20 or more has a chance of 5 %, looked at ever so often",
    ]
    chunks: Annotated[int, "chunks that both have"]
    chunks_needed: Annotated[
        int | None,
        "chunks that would tell them apart among all pairs (80 % power) if this is the difference",
    ]
    verdict: Annotated[
        str, "first_lower, second_lower, cannot_tell, too_few_chunks, no_spread or not_paired"
    ]
    reason: Annotated[str | None, "why there is no p"]


class Figures(NamedTuple):
    """What a text holds of its pairs, m of them; NaN for what cannot be had."""

    figure: np.ndarray  # [m]
    plain: np.ndarray  # [m] standard error by chunk
    low: np.ndarray  # [m]
    high: np.ndarray  # [m]
    p: np.ndarray  # [m]
    e_value: np.ndarray  # [m]
    effect: np.ndarray  # [m] |figure| in standard deviations of one chunk


@statistic
def text_pairs(rows: Chunks, settings: Neighbours) -> list[TextPair]:
    """Every pair of quants on every text: the other's mean less the first's."""
    answers = []
    for text in texts_of(rows):
        if np.isfinite(text.totals).any():
            answers += _answers(text, settings.neighbour_correlation)
    return answers


def _answers(text: Text, correlation: float) -> list[TextPair]:
    """A row per pair of one text and kind."""
    pairs = np.stack(np.triu_indices(len(text.quants), 1), 1)
    known = np.isfinite(text.totals)
    both = known[pairs[:, 0]] & known[pairs[:, 1]]
    chunks = both.sum(1)
    found = Figures(*np.full((len(Figures._fields), len(pairs)), np.nan))
    patterns, pattern = np.unique(both, axis=0, return_inverse=True)
    for k, common in enumerate(patterns):
        if common.any():
            here = np.flatnonzero(pattern.ravel() == k)
            part = compared(text.totals[:, common], text.sizes[:, common], pairs[here], correlation)
            for column, values in zip(found, part):
                column[here] = values
    adjusted = holm(found.p)
    tested = int(np.isfinite(found.p).sum())
    needed = chunks_needed(found.effect, ALPHA / max(1, tested), correlation)
    answers = []
    for k, (one, other) in enumerate(pairs):
        figure, plain, low, high, p, e_value = (finite(float(x[k])) for x in found[:6])
        verdict, reason = _verdict(figure, adjusted[k], int(chunks[k]))
        answers.append(
            TextPair(
                *text.key,
                text.quants[one],
                text.quants[other],
                figure,
                plain,
                low,
                high,
                p,
                finite(float(adjusted[k])),
                e_value,
                int(chunks[k]),
                needed[k],
                verdict,
                reason,
            )
        )
    return answers


def compared(
    totals: np.ndarray, sizes: np.ndarray, pairs: np.ndarray, correlation: float
) -> Figures:
    """Pairs [m, 2] of rows on chunks that all of these have; totals, sizes: [q, c]."""
    one, other = pairs.T
    first, second = scores(totals[one], sizes[one]), scores(totals[other], sizes[other])
    figure, chunks = second[0] - first[0], totals.shape[1]
    found = Figures(figure, *np.full((len(Figures._fields) - 1, len(pairs)), np.nan))
    if chunks < SMALLEST_CHUNKS:
        return found
    scale = sum(np.abs(totals[side]).sum(1) / sizes[side].sum(1) for side in (one, other))
    errors = estimates(figure, second[1] - first[1], scale, correlation)
    differences = (totals[one] / sizes[one] - totals[other] / sizes[other]) * (
        sizes[one] + sizes[other]
    )
    return Figures(
        figure,
        errors.plain,
        figure - half_widths(errors),
        figure + half_widths(errors),
        p_values(errors),
        np.where(np.isfinite(errors.error), e_values(differences), np.nan),
        np.abs(figure) * errors.caution / errors.error / np.sqrt(chunks),
    )


def _verdict(figure: float | None, p_adjusted: float, chunks: int) -> tuple[str, str | None]:
    """(code, why there is no p)."""
    if chunks < SMALLEST_CHUNKS:
        return "too_few_chunks", FEW
    if not np.isfinite(p_adjusted) or figure is None:
        return "no_spread", NO_SPREAD if figure else NO_DIFFERENCE
    if not resolves(p_adjusted):
        return "cannot_tell", None
    return ("first_lower" if figure > 0 else "second_lower"), None
