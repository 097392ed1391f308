"""Quants on a text alone, 4 to 500 chunks: intervals, words, evidence, how many chunks it takes.

Limits are printed beside the promises: neighbours more alike than errors allow for, and chunks that
matter most and are too rare to be seen in each quant.

Words are wrong where quants of equal mean are told apart, or the lower called the higher.
"""

from collections.abc import Iterator

import numpy as np

from qwh.kernels.statistics.chunks.clusters import Neighbours
from qwh.kernels.statistics.chunks.evidence import e_values
from qwh.kernels.statistics.chunks.text_pairs import TextPair, text_pairs
from qwh.kernels.statistics.chunks.token_direction import token_directions

from . import SIZE, VARS, Promise
from .text_worlds import LIMITS, WORLDS, Draw, changes, every, rows, steady, tailed, totals

ALLOWED = Neighbours(VARS["neighbour_correlation"])
HELD, POWER, ANY = (0.95, 1.0), (0.8, 1.0), (0.0, 1.0)
LENGTHS = (4, 8, 16, 32, 64, 500)
TOLD = ("first_lower", "second_lower")
MOVED = ("loss_lower", "loss_higher", "towards_text", "away_from_text")
EQUAL = np.ones(5)
APART = np.array([1.0, 1.0, 1.1, 1.3, 2.0])  # mean KLD of five quants, the first two equal


def judged(rng: np.random.Generator, draw: Draw, means: np.ndarray, chunks: int) -> list[TextPair]:
    """The pairs of one world."""
    return text_pairs(rows("kld", *totals(rng, draw, means, chunks)), ALLOWED)


def of_equal_pairs(worlds: int, seed: int) -> Iterator[Promise]:
    """Five quants of equal means."""
    for world, draw in (WORLDS | LIMITS).items():
        size, held_in = (SIZE, HELD) if world in WORLDS else (ANY, ANY)
        for chunks in LENGTHS:
            told, held = [], []
            for rng in every(worlds if chunks < 500 else worlds // 2, seed):
                found = judged(rng, draw, EQUAL, chunks)
                told.append(any(row.verdict in TOLD for row in found))
                held += [row.low <= 0 <= row.high for row in found if row.low is not None]
            what = f"{world}, {chunks} chunks, 5 equal quants: "
            yield Promise(what + "any pair told apart", told, size)
            yield Promise(what + "intervals hold 0", held, held_in)


def of_unequal_pairs(worlds: int, seed: int) -> Iterator[Promise]:
    """Five quants of which two are equal: a wrong word, and the power beside it."""
    for chunks in LENGTHS:
        wrong: list[bool] = []
        power: dict[float, list[bool]] = {1.1: [], 1.3: [], 2.0: []}
        for rng in every(worlds // 2, seed):
            found = judged(rng, steady, APART, chunks)
            wrong.append(any(row.verdict == TOLD[1] for row in found) or found[0].verdict in TOLD)
            for mean, row in zip(power, found[1:4]):  # against the first
                power[mean].append(row.verdict == TOLD[0])
        what = f"steady, {chunks} chunks, means 1, 1, 1.1, 1.3, 2: "
        yield Promise(what + "any wrong word", wrong, SIZE)
        for mean, right in power.items():
            yield Promise(what + f"{mean} told from 1", right, ANY)


def of_chunks_needed(worlds: int, seed: int) -> Iterator[Promise]:
    """A new text as long as a long one says that the pair needs."""
    means = np.array([1.0, 1.25])
    long = judged(np.random.default_rng(seed), tailed, means, 20_000)[0].chunks_needed
    found = [judged(rng, tailed, means, long)[0].verdict in TOLD for rng in every(worlds, seed)]
    yield Promise(f"{long} chunks are said to tell 1.25 from 1: they do", found, POWER)


def of_evidence(worlds: int, seed: int) -> Iterator[Promise]:
    """Looked at after each chunk, up to 500 (every fifth)."""
    for world, draw in WORLDS.items():
        gaps = []
        for rng in every(worlds, seed):
            sums, sizes = totals(rng, draw, EQUAL[:2], 500)
            gaps.append((sums[0] - sums[1]) / sizes)
        ever = np.zeros(worlds, bool)
        for chunks in (*range(1, 100), *range(100, 501, 5)):
            ever |= e_values(np.array(gaps)[:, :chunks]) >= 20
        yield Promise(f"{world}, 2 equal quants: e-value ever reaches 20", ever, SIZE)
    for chunks in (16, 64, 500):
        found = [judged(rng, steady, APART[[0, 3]], chunks)[0] for rng in every(worlds // 2, seed)]
        right = [(row.e_value or 0) >= 20 for row in found]
        yield Promise(f"steady, {chunks} chunks: e-value of 1.3 to 1 is 20", right, ANY)


def of_directions(worlds: int, seed: int) -> Iterator[Promise]:
    """What five quants did to a text: no change of loss, and flips that help as often as harm."""
    for world in WORLDS:
        for chunks in LENGTHS:
            yield from _of_direction(world, chunks, worlds // 2, seed)
    for share in (0.5, 0.7):
        for chunks in LENGTHS:
            yield _of_share(share, chunks, worlds // 2, seed)


def _of_direction(world: str, chunks: int, worlds: int, seed: int) -> Iterator[Promise]:
    """Loss less the reference's, and the same less a KLD that goes with it."""
    told, held, power = [], [], []
    for rng in every(worlds, seed):
        sums, sizes = totals(rng, WORLDS[world], np.ones(6), chunks)
        change, far = sums[1:] - sums[0], 0.2 * (sums[1:] - sizes)
        for kind, moved in (("loss", change), ("token_direction", change - far)):
            found = token_directions(rows(kind, moved, sizes), ALLOWED)
            told.append(any(row.verdict in MOVED for row in found))
            held += [row.low <= 0 <= row.high for row in found if row.low is not None]
        found = token_directions(rows("loss", change + 0.3 * sizes, sizes), ALLOWED)
        power.append(np.mean([row.verdict == "loss_higher" for row in found]))
    what = f"{world}, {chunks} chunks, 5 quants: "
    yield Promise(what + "any word of loss or direction without a change", told, SIZE)
    yield Promise(what + "their intervals hold 0", held, HELD)
    yield Promise(what + "a loss that is 1.3 times as high is told", power, ANY)


def of_skewed_changes(worlds: int, seed: int) -> Iterator[Promise]:
    """A mean change of 0 whose chunks are skewed; more than that, and alike, is a limit."""
    skews = (("skew 1.2", 0.36, 0.0, SIZE), ("skew 2, alike by 0.3", 0.55, 0.3, ANY))
    for name, spread, correlation, size in skews:
        for chunks in LENGTHS:
            told = []
            for rng in every(worlds // 2, seed):
                made = rows("loss", *changes(rng, chunks, spread, correlation))
                told.append(any(row.verdict in MOVED for row in token_directions(made, ALLOWED)))
            yield Promise(f"{name}, {chunks} chunks, 5 quants: loss without a change", told, size)


def _of_share(share: float, chunks: int, worlds: int, seed: int) -> Promise:
    told = []
    for rng in every(worlds, seed):
        sizes = rng.poisson(3.0, (5, chunks)).astype(float)
        helped = rng.binomial(sizes.astype(int), share).astype(float)
        found = token_directions(rows("improvement_share", helped, sizes), ALLOWED)
        words = [row.verdict in ("flips_harm", "flips_benefit") for row in found]
        told.append(any(words) if share == 0.5 else np.mean(words))
    what = f"{chunks} chunks of 3 flips, {share:.0%} help: a word"
    return Promise(what, told, SIZE if share == 0.5 else ANY)


PROMISES = (
    of_equal_pairs,
    of_unequal_pairs,
    of_chunks_needed,
    of_evidence,
    of_directions,
    of_skewed_changes,
)
