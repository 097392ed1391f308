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
from .against_null import FEW, tested
from .clusters import Chunks, Neighbours, Text, texts_of

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
    totals, sizes = text.totals[row, known], text.sizes[row, known]
    found = tested(totals, sizes, KINDS[kind][0], correlation)
    low, high = found.low, found.high
    if kind == "improvement_share" and low is not None and high is not None:
        low, high = max(0.0, low), min(1.0, high)
    return TokenDirection(
        *text.key,
        quant,
        len(totals),
        int(sizes.sum()),
        found.figure,
        found.standard_error,
        low,
        high,
        found.p,
        None,
        "",
        found.reason,
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
