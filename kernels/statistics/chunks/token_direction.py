"""What a quant's movement did to a text: its loss, the part that is no displacement, its flips.

Per token, loss less the reference's = KLD + direction, exactly on average: displacement cannot
lower the loss, direction can.
"""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import numpy as np

from ..intervals import finite
from ..multiplicity import holm, resolves
from ..port import statistic
from .clusters import (
    SMALLEST_CHUNKS,
    Chunks,
    Neighbours,
    Text,
    estimates,
    scores,
    texts_of,
)
from .skewed import cautious_ends, cautious_p

FEW = f"fewer than {SMALLEST_CHUNKS} chunks"
NO_SPREAD = "the figure is the same on every chunk"
NOTHING = "no position counts"
# kind -> (what nothing happened means, code below it, code above it)
KINDS = {
    "loss": (0.0, "loss_lower", "loss_higher"),
    "token_direction": (0.0, "towards_text", "away_from_text"),
    "improvement_share": (0.5, "flips_harm", "flips_benefit"),
}


class TokenDirection(NamedTuple):
    """One row per text, scorer, kind and quant."""

    corpus_id: Annotated[str, "the text"]
    context_length: Annotated[int, "tokens per chunk"]
    estimator: Annotated[str, "the scorer behind the numbers"]
    kind: Annotated[
        str,
        "loss (NLL less the reference's), token_direction (loss less KLD) or improvement_share"
        " (of the flips to or from the realised token)",
    ]
    quant_id: Annotated[str, "the quant"]
    chunks: Annotated[int, "chunks that have any"]
    n: Annotated[int, "positions behind the figure"]
    figure: Annotated[float | None, "nats; a share of the flips that matter, 0 to 1"]
    standard_error: Annotated[float | None, "chunks as one observation each; null with one"]
    low: Annotated[
        float | None,
        "95 % interval: t over chunks, widened for neighbours that are alike and by Hall's (1992)"
        " cubic for their skew",
    ]
    high: Annotated[float | None, "the same"]
    p: Annotated[float | None, "two-sided p that it is 0, of the same; of a share, a half"]
    p_adjusted: Annotated[float | None, "by Holm over all quants and texts of this kind"]
    verdict: Annotated[
        str,
        "loss_lower, loss_higher, towards_text, away_from_text, flips_harm, flips_benefit,"
        " cannot_tell, too_few_chunks or no_spread",
    ]
    reason: Annotated[str | None, "why there is no p"]


@statistic
def token_directions(rows: Chunks, settings: Neighbours) -> list[TokenDirection]:
    """Each figure of KINDS of every quant on every text, with p adjusted within its kind."""
    answers = []
    for text in texts_of(rows):
        for k, quant in enumerate(text.quants):
            answers.append(_answer(text, quant, k, settings.neighbour_correlation))
    adjusted = {kind: _adjusted([a for a in answers if a.kind == kind]) for kind in KINDS}
    return [next(adjusted[answer.kind]) for answer in answers]


def _answer(text: Text, quant: str, row: int, correlation: float) -> TokenDirection:
    """A quant on a text, not yet adjusted."""
    kind, known = text.key[-1], np.isfinite(text.totals[row])
    totals, sizes = text.totals[row : row + 1, known], text.sizes[row : row + 1, known]
    chunks, blank = int(known.sum()), (None,) * 6
    start = (*text.key, quant, chunks, int(sizes.sum()))
    if not sizes.any():
        return TokenDirection(*start, *blank, "", NOTHING)
    mean, deviations = scores(totals, sizes)
    if chunks < 2:
        return TokenDirection(*start, float(mean[0]), *blank[1:], "", FEW)
    found = estimates(mean, deviations, np.abs(totals).sum(1) / sizes.sum(1), correlation)
    figure, plain = float(mean[0]), float(found.plain[0])
    if chunks < SMALLEST_CHUNKS:
        return TokenDirection(*start, figure, plain, *blank[2:], "", FEW)
    if np.isnan(found.error[0]):
        return TokenDirection(*start, figure, plain, *blank[2:], "", NO_SPREAD)
    low, high = (float(end[0]) for end in cautious_ends(found))
    if kind == "improvement_share":
        low, high = max(0.0, low), min(1.0, high)
    return TokenDirection(
        *start,
        figure,
        plain,
        low,
        high,
        float(cautious_p(found, KINDS[kind][0])[0]),
        None,
        "",
        None,
    )


def _adjusted(answers: list[TokenDirection]) -> Iterator[TokenDirection]:
    """The answers of one kind with adjusted p and verdict, in turn."""
    p = holm(np.array([np.nan if a.p is None else a.p for a in answers]))
    for answer, value in zip(answers, p.tolist()):
        yield answer._replace(p_adjusted=finite(value), verdict=_verdict(answer, value))


def _verdict(answer: TokenDirection, p_adjusted: float) -> str:
    null, below, above = KINDS[answer.kind]
    if answer.p is None or answer.figure is None:
        return "too_few_chunks" if answer.reason == FEW else "no_spread"
    if not resolves(p_adjusted):
        return "cannot_tell"
    return below if answer.figure < null else above
