"""Letters of quants: two that share one are not told apart (Piepho 2004)."""

from collections.abc import Sequence
from string import ascii_letters
from typing import Annotated, NamedTuple

import numpy as np

from .port import Numbers, Texts, Truths, statistic


class Ranked(NamedTuple):
    """One row per quant."""

    quant_id: Annotated[Texts, "the quant"]
    rank_by: Annotated[Numbers, "the figure by which the letters run, the largest is a"]


class Apart(NamedTuple):
    """One row per pair of quants, in either order."""

    quant_id: Annotated[Texts, "the quant"]
    other_quant_id: Annotated[Texts, "the quant it is held against"]
    is_apart: Annotated[Truths, "whether the two are told apart"]


class Lettered(NamedTuple):
    """One row per quant."""

    quant_id: Annotated[str, "the quant"]
    letters: Annotated[
        str | None, "two quants that share a letter are not told apart; null without a figure"
    ]


@statistic
def group_letters(quants: Ranked, pairs: Apart) -> list[Lettered]:
    """Letters of the groups of quants that no pair tells apart."""
    place = {quant: k for k, quant in enumerate(quants.quant_id)}
    apart = np.zeros((len(place), len(place)), bool)
    for one, other, is_apart in zip(*pairs):
        if is_apart and one in place and other in place:
            apart[place[one], place[other]] = apart[place[other], place[one]] = True
    known = np.flatnonzero(np.isfinite(quants.rank_by))
    order = known[np.argsort(-quants.rank_by[known], kind="stable")].tolist()
    found = letters(order, apart)
    return [Lettered(quant, found.get(k)) for quant, k in place.items()]


def letters(order: Sequence[int], apart: np.ndarray) -> dict[int, str]:
    """The letters of the quants that are named in order, a is the first one's.

    order: row numbers; apart: [q, q] bool. By insertion and absorption: the fewest groups such that
    every two quants that are not apart share one.
    """
    groups = [set(order)] if len(order) else []
    for k, one in enumerate(order):
        for other in order[k + 1 :]:
            if apart[one, other]:
                groups = _split(groups, one, other)
    place = {quant: k for k, quant in enumerate(order)}
    groups.sort(key=lambda group: sorted(place[quant] for quant in group))
    return {
        quant: "".join(_letter(k) for k, group in enumerate(groups) if quant in group)
        for quant in order
    }


def _split(groups: list[set[int]], one: int, other: int) -> list[set[int]]:
    """Groups in which these two no longer meet, without those that lie in another."""
    parts: list[set[int]] = []
    for group in groups:
        halves = [group - {one}, group - {other}] if {one, other} <= group else [group]
        parts += [half for half in halves if half and half not in parts]
    return [part for part in parts if not any(part < larger for larger in parts)]


def _letter(k: int) -> str:
    """a to z, A to Z, then a2 and so on."""
    return ascii_letters[k % 52] + (str(k // 52 + 1) if k >= 52 else "")
