"""Sequences that begin alike as one batch of llama.cpp: what they share is run once, for all.

A batch holds each position's token once for every way in which the sequences came there; a token
belongs to the sequences that go through it, so that each sees its own beginning alone.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .port import Sequence


class Branches(NamedTuple):
    """N tokens of several sequences. trunk: positions that all of them begin with."""

    trunk: int
    tokens: np.ndarray  # [N] int32
    positions: np.ndarray  # [N] int32
    owners: list[list[int]]  # of each token: the sequences' places in the group
    rows: list[np.ndarray]  # of each sequence: the places of its scored positions among the N

    @property
    def wanted(self) -> np.ndarray:
        """[N] bool: whether some sequence is scored there."""
        found = np.zeros(len(self.tokens), bool)
        found[np.concatenate(self.rows)] = True
        return found


def alike(sequences: list[Sequence], most: int, room: int) -> Iterator[list[Sequence]]:
    """Runs of at most `most` sequences that fit into one batch of `room` tokens.

    All but a run's first share with it what comes before their first scored position; a sequence
    that shares less, or finds no room, begins the next run, alone if it is longer than a batch.
    """
    group: list[Sequence] = []
    left = 0
    for each in sequences:
        own = len(each.ids) - each.shared
        if group and len(group) < most and own <= left and _joins(each, group[0]):
            group.append(each)
            left -= own
        else:
            if group:
                yield group
            group, left = [each], room - own
    if group:
        yield group


def branches(group: list[Sequence], start: int, sequences: int) -> Branches:
    """One batch of sequences that begin alike, from position `start` on, which all of them hold.

    sequences: how many the memory has; their common trunk belongs to all, for those that follow.
    """
    trunk = _trunk(group)
    tokens, positions = group[0].ids[start:trunk].tolist(), list(range(start, trunk))
    owners = [list(range(sequences)) for _ in tokens]
    places: dict[tuple[int, int], int] = {}  # place of the token before, token -> place
    stem, rows = list(range(len(tokens))), []
    for owner, each in enumerate(group):
        path = stem.copy()
        for position in range(trunk, len(each.ids)):
            token = int(each.ids[position])
            step = (path[-1] if path else -1, token)
            if step not in places:
                places[step] = len(tokens)
                tokens.append(token)
                positions.append(position)
                owners.append([])
            owners[places[step]].append(owner)
            path.append(places[step])
        rows.append(np.array(path)[each.scored(start, len(each.ids)) - start])
    return Branches(trunk, np.array(tokens, np.int32), np.array(positions), owners, rows)


def _joins(each: Sequence, leader: Sequence) -> bool:
    """Whether all that a sequence shares is the leader's too, and the rest of it is scored."""
    at = each.scored(0, len(each.ids))
    ours, theirs = each.ids[: each.shared], leader.ids[: each.shared]
    return len(at) > 0 and at[0] == each.shared >= leader.shared and np.array_equal(ours, theirs)


def _trunk(group: list[Sequence]) -> int:
    """How many ids all of them begin with."""
    shortest = min(len(each.ids) for each in group)
    same = np.ones(shortest, bool)
    for each in group[1:]:
        same &= each.ids[:shortest] == group[0].ids[:shortest]
    return shortest if same.all() else int(same.argmin())
