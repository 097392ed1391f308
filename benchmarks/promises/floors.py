"""Quants against the noise floor of the engine that reads them, 4 to 500 chunks.

A word is wrong where a quant that is no farther than the control is called above it. Where the
control alone has chunks that matter most, and few are read, the difference leans the other way.
"""

from collections.abc import Iterator

import numpy as np

from qwh.kernels.statistics.chunks.above_floor import AboveFloor, FloorChunks, above_floor
from qwh.kernels.statistics.chunks.clusters import Neighbours

from . import SIZE, VARS, Promise
from .text_worlds import LIMITS, WORLDS, Draw, every, rows, steady, tailed, totals

ALLOWED = Neighbours(VARS["neighbour_correlation"])
ANY = (0.0, 1.0)
LENGTHS = (4, 8, 16, 32, 64, 500)
EQUAL = np.ones(6)  # the control, then five quants
APART = np.array([1.0, 1.0, 1.1, 1.3, 2.0, 10.0])


def tailed_control(rng: np.random.Generator, members: int, chunks: int) -> np.ndarray:
    """The control's chunks have heavy tails, the quants' are steady."""
    return np.concatenate([tailed(rng, 1, chunks), steady(rng, members - 1, chunks)])


def tailed_quants(rng: np.random.Generator, members: int, chunks: int) -> np.ndarray:
    """The other way round."""
    return np.concatenate([steady(rng, 1, chunks), tailed(rng, members - 1, chunks)])


MADE: dict[str, Draw] = WORLDS | {
    "quants with heavy tails": tailed_quants,
    "control with heavy tails": tailed_control,
}


def judged(
    rng: np.random.Generator, draw: Draw, means: np.ndarray, chunks: int
) -> list[AboveFloor]:
    """The quants of one world; the first row of means is the control."""
    sums, sizes = totals(rng, draw, means, chunks)
    made = rows("llama.cpp", sums[1:], sizes)
    floor = np.tile(sums[0], len(means) - 1)
    named = (made.corpus_id, made.context_length, made.estimator, made.kind, made.quant_id)
    return above_floor(FloorChunks(*named, made.chunk, made.total, floor, made.n), ALLOWED)


def of_equal_quants(worlds: int, seed: int) -> Iterator[Promise]:
    """Five quants that are the floor."""
    for world, draw in (MADE | LIMITS).items():
        for chunks in LENGTHS:
            count = worlds if chunks < 500 else worlds // 2
            found = [judged(rng, draw, EQUAL, chunks) for rng in every(count, seed)]
            wrong = [any(row.verdict == "above_floor" for row in each) for each in found]
            what = f"{world}, {chunks} chunks, 5 quants at the floor: any called above"
            yield Promise(what, wrong, ANY if world in LIMITS else SIZE)


def of_quants_above(worlds: int, seed: int) -> Iterator[Promise]:
    """One quant at the floor and four above it: the wrong word, and the power beside it."""
    for world in ("steady", "heavy tails"):
        for chunks in LENGTHS:
            found = [judged(rng, WORLDS[world], APART, chunks) for rng in every(worlds // 2, seed)]
            above = np.array([[row.verdict == "above_floor" for row in each] for each in found])
            what = f"{world}, {chunks} chunks, means 1, 1.1, 1.3, 2, 10 of the floor: "
            yield Promise(what + "1 called above", above[:, 0].tolist(), SIZE)
            for k, mean in enumerate(APART[2:], 1):
                yield Promise(what + f"{mean:g} called above", above[:, k].tolist(), ANY)


PROMISES = (of_equal_quants, of_quants_above)
