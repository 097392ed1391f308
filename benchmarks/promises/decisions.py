"""Picks, pairs, letters and duels: how often a word is wrong, and how often it is found.

Quants are relatives: what one of a family flips, its relatives often flip too. Each world's truth
is planted, at the edge where a word is just wrong.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from qwh.kernels.statistics.answers import Sheet
from qwh.kernels.statistics.letters import letters
from qwh.kernels.statistics.scores.candidates import judged
from qwh.kernels.statistics.scores.duels import duels
from qwh.kernels.statistics.scores.score_pairs import PairDraws, ScorePair, paired
from qwh.kernels.statistics.texts import Prompts

from . import MARGIN, SIZE, Promise

DRAWS = PairDraws(n_tosses=499, seed=1, margin=MARGIN)
SHARED = 0.7  # correlation of what relatives flip
FAMILY = 4  # quants each
FOUND = (0.0, 1.0)  # printed beside the size, promised to nobody


class World(NamedTuple):
    """Quants whose true loss and volume are known, on some benchmarks."""

    name: str
    loss: np.ndarray  # [q] of the composite
    volume: np.ndarray  # [q]
    sizes: list[int]  # prompts of each benchmark
    graded: bool = False  # half of the flips move a score by less than 1


def drawn(world: World, rng: np.random.Generator) -> Sheet:
    """One set of answers: a latent per prompt decides who drops it and who leaps over it."""
    q, n = len(world.loss), sum(world.sizes)
    families = np.arange(q) // FAMILY
    shared = rng.standard_normal((families.max() + 1, n))[families]
    latent = np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * rng.standard_normal((q, n))
    jumps = np.array([0.4, 1.0]) if world.graded else np.ones(1)
    jump, loss = rng.choice(jumps, n), world.loss / jumps.mean()
    volume = np.maximum(world.volume, loss)
    drop, leap = (volume + loss) / 2, (volume - loss) / 2
    lost, won = (latent < norm.ppf(drop)[:, None]), (latent > norm.isf(leap)[:, None])
    groups = np.repeat([f"b{k:02}" for k in range(len(world.sizes))], world.sizes).tolist()
    names, prompts = [f"q{k:02}" for k in range(q)], Prompts(groups, np.arange(n))
    # over a reference that is wrong everywhere
    return Sheet(names, (won * 1.0 - lost) * jump, np.zeros(n), prompts, dict.fromkeys(groups, 1.0))


def worlds_of(loss: np.ndarray, volume: np.ndarray) -> Iterator[World]:
    """The same quants on few and many prompts, even and uneven, right or wrong and graded."""
    for name, sizes, graded in (
        ("7 x 60 prompts", [60] * 7, False),
        ("1 x 1,500", [1_500], False),
        ("20 to 1,000 uneven", [20, 60, 150, 400, 1_000], False),
        ("7 x 600", [600] * 7, False),
        ("7 x 160 graded", [160] * 7, True),
    ):
        yield World(name, loss, volume, sizes, graded)


def of_picks(worlds: int, seed: int) -> Iterator[Promise]:
    """Half the quants, the smaller, lose just the margin; then all of them do, with rare flips."""
    rng = np.random.default_rng(seed)
    volume = np.geomspace(0.02, 0.004, 16)
    half = np.where(np.arange(16) < 8, MARGIN, 0.0)
    for loss, what in ((half, "half lose the margin"), (np.full(16, MARGIN), "all do")):
        for world in worlds_of(loss, volume):
            wrong, right = [], []
            for _ in range(max(1, worlds // 3)):
                found = judged(drawn(world, rng), DRAWS)
                shown = [k for k, row in enumerate(found) if row.verdict == "not_inferior"]
                # the smaller files come first
                wrong.append(bool(shown) and loss[shown[0]] >= MARGIN)
                right.append(bool(shown) and loss[shown[0]] < MARGIN)
            name = f"pick of 16 relatives, {what}, {world.name}: "
            yield Promise(f"{name}names one that does", wrong, SIZE)
            if (loss < MARGIN).any():
                yield Promise(f"{name}names one that does not", right, FOUND)


def of_pairs(worlds: int, seed: int) -> Iterator[Promise]:
    """All equal; then two groups just a margin apart; words of all pairs and of one pair alone."""
    rng = np.random.default_rng(seed)
    nothing, volume = np.zeros(12), np.geomspace(0.1, 0.01, 12)
    for world in worlds_of(nothing, volume):
        found = [paired(drawn(world, rng), DRAWS) for _ in range(max(1, worlds // 3))]
        name = f"78 pairs of 13 equal relatives, {world.name}: "
        # two questions, each judged among its own
        for question, is_of in (("two quants", False), ("one and the reference", True)):
            asked = [
                [row for row in each if (row.other_quant_id is None) == is_of] for each in found
            ]
            wrong = [_any(each, DIFFER) for each in asked]
            yield Promise(f"{name}{question} are said to differ", wrong, SIZE)
        apart = [len(set(_letters(each).values())) > 1 for each in found]
        yield Promise(f"{name}any two share no letter", apart, SIZE)
        alone = [each[0].verdict_alone in DIFFER for each in found]
        yield Promise(f"{name}one pair, alone, is", alone, SIZE)
    for world in worlds_of(np.where(np.arange(12) % 2, MARGIN, 0.0), volume / 3):
        found = [paired(drawn(world, rng), DRAWS) for _ in range(max(1, worlds // 3))]
        name = f"12 relatives in two groups a margin apart, {world.name}: "
        across = [[row for row in each if _across(row)] for each in found]
        wrong = [_any(each, {"within_margin"}) for each in across]
        yield Promise(f"{name}any pair across is said to lie within it", wrong, SIZE)
        alone = [each[0].verdict_alone == "within_margin" for each in across]
        yield Promise(f"{name}one pair across, alone, is", alone, SIZE)
        told = [float(np.mean([row.verdict in DIFFER for row in each])) for each in across]
        yield Promise(f"{name}share of pairs across that are told apart", told, FOUND)


def of_duels(worlds: int, seed: int) -> Iterator[Promise]:
    """Two equal quants on seven benchmarks; then one that loses 8 points on one of them."""
    rng = np.random.default_rng(seed)
    for size, volume in ((60, 0.1), (200, 0.02), (400, 0.1)):
        even = World("", np.zeros(1), np.array([volume]), [size] * 7)
        found = [duels(drawn(even, rng), DRAWS) for _ in range(worlds)]
        name = f"duel on 7 x {size} prompts, volume {volume:.0%}: "
        wrong = [any(row.verdict in ("higher", "lower") for row in each) for each in found]
        yield Promise(f"{name}a benchmark is said to divide equals", wrong, SIZE)
    edge = World("", np.array([MARGIN]), np.array([0.02]), [800] * 7)
    found = [duels(drawn(edge, rng), DRAWS) for _ in range(worlds)]
    wrong = [any(row.verdict == "within_margin" for row in each) for each in found]
    yield Promise("duel on 7 x 800, a margin lost on each: one is said to lie within", wrong, SIZE)
    lost = World("", np.array([0.08]), np.array([0.1]), [200])
    told = [duels(drawn(lost, rng), DRAWS)[0].verdict == "lower" for _ in range(worlds)]
    yield Promise("duel on 200 prompts, 8 points lost: said to be lower", told, FOUND)


DIFFER = {"other_higher", "other_lower"}


def _any(found: list[ScorePair], words: set[str]) -> bool:
    return any(row.verdict in words for row in found)


def _across(row: ScorePair) -> bool:
    """Whether a pair is of one that loses a margin and one that does not."""
    odd = [int(name[1:]) % 2 if name else 0 for name in (row.quant_id, row.other_quant_id)]
    return odd[0] != odd[1]


def _letters(found: list[ScorePair]) -> dict[int, str]:
    """Letters of the quants, without the reference."""
    names = sorted({row.quant_id for row in found})
    apart = np.zeros((len(names), len(names)), bool)
    for row in found:
        if row.other_quant_id and row.verdict in DIFFER:
            one, other = names.index(row.quant_id), names.index(row.other_quant_id)
            apart[one, other] = apart[other, one] = True
    return letters(range(len(names)), apart)


PROMISES = (of_picks, of_pairs, of_duels)
