"""Small, near and good at once: how often no other quant is all three.

A quant is beaten by one that is no larger, disagrees no more and scores no less, and less or more
in one of these.
"""

from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, sheet
from ..port import Numbers, Texts, statistic
from .composites import score_replicates

PIECE = 500  # replicates looked at together: [PIECE, q, q] truths each


class Files(NamedTuple):
    """One row per quant."""

    quant_id: Annotated[Texts, "the quant"]
    bytes: Annotated[Numbers, "size of its file"]


class FrontDraws(NamedTuple):
    """Settings."""

    n_resamples: Annotated[int, "bootstrap replicates"]
    seed: Annotated[int, "of all draws"]


class Place(NamedTuple):
    """One row per quant."""

    quant_id: Annotated[str, "the quant"]
    on_front: Annotated[
        float | None,
        "how often, prompts drawn anew, no quant that is no larger disagrees no more and scores no"
        " less, 0 to 1; null without a size",
    ]
    beaten_by: Annotated[str | None, "the quant that is all three most often; null if none ever is"]
    beaten_share: Annotated[float | None, "how often it is, 0 to 1"]


@statistic
def front_places(answers: Answers, files: Files, settings: FrontDraws) -> list[Place]:
    """Each quant on the front of file size, volume and composite."""
    found = sheet(answers)
    if not found.quants:
        return []
    known = dict(zip(files.quant_id, files.bytes))
    sizes = np.array([known.get(quant, np.nan) for quant in found.quants])
    volumes, scores = (
        score_replicates(part, found.prompts, found.weights, *settings)
        for part in (np.abs(found.gains), found.scores)
    )
    places = membership(sizes, volumes, scores)
    return [
        Place(
            quant,
            share,
            None if often is None or not often else found.quants[dominator],
            often,
        )
        for quant, (share, dominator, often) in zip(found.quants, places)
    ]


def membership(
    sizes: np.ndarray, volumes: np.ndarray, scores: np.ndarray
) -> list[tuple[float | None, int, float | None]]:
    """(how often on the front, row that beats it most often, how often) of each quant.

    sizes: [q]; volumes, scores: [B, q] replicates drawn from the same prompts. None, 0, None where
    one of the three is missing.
    """
    known = np.isfinite(sizes) & np.isfinite(volumes).all(0) & np.isfinite(scores).all(0)
    on_front, beaten_by = np.zeros(len(sizes)), np.zeros((len(sizes), len(sizes)))
    for start in range(0, len(volumes), PIECE):
        piece = slice(start, start + PIECE)
        beats = _beats(sizes, volumes[piece], scores[piece]) & known
        beaten_by += beats.sum(0)
        on_front += (~beats.any(2)).sum(0)
    top = beaten_by.argmax(1)
    often = beaten_by[np.arange(len(sizes)), top] / len(volumes)
    return [
        (float(on_front[k] / len(volumes)), int(top[k]), float(often[k]))
        if has
        else (None, 0, None)
        for k, has in enumerate(known)
    ]


def _beats(sizes: np.ndarray, volume: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Which quant is beaten by which in each replicate, [b, own, other]; volume, score: [b, q]."""
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
