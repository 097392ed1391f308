"""Small, near and good at once: which quants no other beats, and which cannot be told apart."""

from string import ascii_letters
from typing import Any

import numpy as np

from .intervals import ALPHA

SURE = 0.95  # share of replicates in which a quant must be beaten before it is called dominated


def membership(sizes: np.ndarray, volumes: np.ndarray, scores: np.ndarray) -> list[dict]:
    """How often each quant is on the front of (size, volume, score), over bootstrap replicates.

    sizes: [q] bytes or bits per weight; volumes, scores: [B, q] replicates drawn from the same
    prompts (composites.score_replicates). A quant is dominated by one that is no larger, disagrees
    no more and scores no less, and is strictly better in one of these. Returns for each quant
    probability (on the front), dominator (row number of the quant that dominates it most often),
    dominator_probability, dominated (True only from SURE on) and reason.
    """
    sizes = np.asarray(sizes, float)
    volumes, scores = (np.atleast_2d(np.asarray(side, float)) for side in (volumes, scores))
    known = np.isfinite(sizes) & np.isfinite(volumes).all(0) & np.isfinite(scores).all(0)
    on_front, beaten_by = np.zeros(len(sizes)), np.zeros((len(sizes), len(sizes)))
    pieces = max(1, len(volumes) // 500)
    for volume, score in zip(np.array_split(volumes, pieces), np.array_split(scores, pieces)):
        beats = _beats(sizes, volume, score) & known
        beaten_by += beats.sum(0)
        on_front += (~beats.any(2)).sum(0)
    keys = ("probability", "dominator", "dominator_probability", "dominated")
    answers: list[dict[str, Any]] = []
    for k in range(len(sizes)):
        if not known[k]:
            missing = {"reason": "size, volume or score is missing"}
            answers.append(dict.fromkeys(keys) | missing)
            continue
        top, chance = int(beaten_by[k].argmax()), float(on_front[k] / len(volumes))
        often = float(beaten_by[k, top] / len(volumes))
        figures = chance, top if often else None, often, 1 - chance >= SURE
        answers.append(dict(zip(keys, figures)) | {"reason": None})
    return answers


def _beats(sizes: np.ndarray, volume: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Which quant dominates which in each replicate, [b, own, other]; volume, score: [b, q]."""
    q = len(sizes)
    no_worse, better = np.ones((len(volume), q, q), bool), np.zeros((len(volume), q, q), bool)
    for other, own in (
        (sizes[None, :], sizes[:, None]),
        (volume[:, None, :], volume[:, :, None]),
        (-score[:, None, :], -score[:, :, None]),
    ):
        no_worse &= other <= own
        better |= other < own
    return no_worse & better


def groups(scores: np.ndarray, replicates: np.ndarray) -> list[str | None]:
    """Letters of the quants: two that share one are not resolved from each other.

    scores: [q], replicates: [B, q]. Differences of all pairs are judged together: the largest
    |difference| / error over pairs, in the replicates, sets the bar (single-step max-T). Letters by
    insertion and absorption (Piepho 2004), a is the highest
    score's. None for a missing score.
    """
    scores = np.asarray(scores, float)
    apart = unlike(scores, replicates)
    known = np.isfinite(scores)
    order = np.flatnonzero(known)[np.argsort(-scores[known], kind="stable")]
    columns = [set(order.tolist())] if len(order) else []
    for k, a in enumerate(order.tolist()):
        for b in order[k + 1 :].tolist():
            if apart[a, b]:
                split = [
                    part
                    for column in columns
                    for part in ((column - {a}, column - {b}) if {a, b} <= column else (column,))
                ]
                split = [part for i, part in enumerate(split) if part and part not in split[:i]]
                columns = [part for part in split if not any(part < other for other in split)]
    place = {quant: k for k, quant in enumerate(order.tolist())}
    columns.sort(key=lambda column: sorted(place[quant] for quant in column))
    return [
        (
            "".join(_letter(k) for k, column in enumerate(columns) if quant in column)
            if known[quant]
            else None
        )
        for quant in range(len(scores))
    ]


def unlike(scores: np.ndarray, replicates: np.ndarray) -> np.ndarray:
    """Which pairs of quants differ in score, all pairs judged together: [q, q] bool."""
    scores, replicates = np.asarray(scores, float), np.atleast_2d(np.asarray(replicates, float))
    known = np.flatnonzero(np.isfinite(scores) & np.isfinite(replicates).all(0))
    apart = np.zeros((len(scores), len(scores)), bool)
    if len(known) < 2 or len(replicates) < 2:
        return apart
    first, second = np.triu_indices(len(known), 1)
    observed = scores[known][first] - scores[known][second]
    drawn = replicates[:, known]
    covariance = np.cov(drawn.T)
    variance = np.diag(covariance)
    error = np.sqrt(
        np.maximum(variance[first] + variance[second] - 2 * covariance[first, second], 0)
    )
    # two quants that answer alike in every replicate are never apart
    scale = np.where(error > 1e-12, error, np.inf)
    largest = np.concatenate(
        [
            (np.abs(part[:, first] - part[:, second] - observed) / scale).max(1)
            for part in np.array_split(drawn, max(1, len(drawn) // 1_000))
        ]
    )
    resolved = np.abs(observed) / scale > np.quantile(largest, 1 - ALPHA)
    apart[known[first[resolved]], known[second[resolved]]] = True
    return apart | apart.T


def pick(
    sizes: np.ndarray,
    scores: np.ndarray,
    replicates: np.ndarray,
    largest: float | None = None,
) -> dict:
    """The smallest quant that is not resolved from the highest score, none larger than largest.

    sizes, scores: [q], replicates: [B, q]. Returns picked and highest (row numbers), top (row
    numbers of the top group, smallest first) and reason. Not resolved is not "as good": more
    prompts may part them.
    """
    sizes, scores = np.asarray(sizes, float), np.asarray(scores, float)
    allowed = np.flatnonzero(
        np.isfinite(sizes)
        & np.isfinite(scores)
        & (sizes <= (np.inf if largest is None else largest))
    )
    if not len(allowed):
        return {
            "picked": None,
            "highest": None,
            "top": [],
            "reason": "no quant with a score is small enough",
        }
    apart = unlike(scores[allowed], np.atleast_2d(replicates)[:, allowed])
    highest = int(np.argmax(scores[allowed]))
    top = sorted(
        np.flatnonzero(~apart[highest]).tolist(),
        key=lambda k: (sizes[allowed[k]], -scores[allowed[k]]),
    )
    return {
        "picked": int(allowed[top[0]]),
        "highest": int(allowed[highest]),
        "top": [int(allowed[k]) for k in top],
        "reason": None,
    }


def _letter(k: int) -> str:
    """a to z, A to Z, then a2 and so on."""
    return ascii_letters[k % 52] + (str(k // 52 + 1) if k >= 52 else "")
