"""Made-up texts whose truth is known: chunks that are alike, heavy tails, quants of equal mean.

What a chunk holds of every quant is one factor of the text's (hard chunks are hard for all) times
one of the quant's own. Means over positions are 1 in every world before a quant's own `means`.
"""

from collections.abc import Callable, Iterator

import numpy as np

from qwh.kernels.statistics.chunks.clusters import Chunks

POSITIONS = 256
Draw = Callable[[np.random.Generator, int, int], np.ndarray]  # (q, c) -> own factors, mean 1


def steady(rng: np.random.Generator, quants: int, chunks: int) -> np.ndarray:
    """Lognormal, standard deviation of the logarithm 0.1, as neighbours in the packed study."""
    return np.exp(0.1 * rng.standard_normal((quants, chunks)) - 0.005)


def tailed(rng: np.random.Generator, quants: int, chunks: int) -> np.ndarray:
    """Lognormal, standard deviation of the logarithm 0.8."""
    return np.exp(0.8 * rng.standard_normal((quants, chunks)) - 0.32)


def without_variance(rng: np.random.Generator, quants: int, chunks: int) -> np.ndarray:
    """Pareto, exponent 1.5: no variance."""
    return (rng.pareto(1.5, (quants, chunks)) + 1) / 3


def neighbours(rng: np.random.Generator, quants: int, chunks: int) -> np.ndarray:
    """Lognormal, neighbouring chunks correlated by 0.3."""
    return np.exp(0.5 * _autoregression(rng, quants, chunks, 0.3) - 0.125)


def documents(rng: np.random.Generator, quants: int, chunks: int) -> np.ndarray:
    """Lognormal, documents of 3 chunks that hold 0.4 of the variance."""
    own = rng.standard_normal((quants, chunks))
    shared = np.repeat(rng.standard_normal((quants, -(-chunks // 3))), 3, axis=1)[:, :chunks]
    return np.exp(0.5 * (np.sqrt(0.6) * own + np.sqrt(0.4) * shared) - 0.125)


def unlike(rng: np.random.Generator, quants: int, chunks: int) -> np.ndarray:
    """Lognormal, equal means, spreads from 0.1 to 0.8: differences have a skew."""
    spread = np.linspace(0.1, 0.8, quants)[:, None]
    return np.exp(spread * rng.standard_normal((quants, chunks)) - spread**2 / 2)


def counts(rng: np.random.Generator, quants: int, chunks: int) -> np.ndarray:
    """Few events: a chunk has 2 on average, as token flips of a near quant."""
    return rng.poisson(2.0, (quants, chunks)) / 2


WORLDS: dict[str, Draw] = {
    "steady": steady,
    "heavy tails": tailed,
    "no variance": without_variance,
    "neighbours alike": neighbours,
    "documents of 3 chunks": documents,
    "spreads unlike": unlike,
    "2 events a chunk": counts,
}


def close_neighbours(rng: np.random.Generator, quants: int, chunks: int) -> np.ndarray:
    """Lognormal, neighbouring chunks correlated by 0.5: more than errors allow for."""
    return np.exp(0.5 * _autoregression(rng, quants, chunks, 0.5) - 0.125)


def rare(rng: np.random.Generator, quants: int, chunks: int) -> np.ndarray:
    """Up to 4 chunks in 100 are 30 times as far: fewer of one quant than of another."""
    share = np.linspace(0, 0.04, quants)[:, None]
    far = np.where(rng.random((quants, chunks)) < share, 30.0, 1.0)
    return steady(rng, quants, chunks) * far / (1 + 29 * share)


# no text that holds so few of what matters can tell: printed, promised to nobody
LIMITS: dict[str, Draw] = {"neighbours alike by 0.5": close_neighbours, "rare far chunks": rare}


def changes(
    rng: np.random.Generator, chunks: int, spread: float, correlation: float
) -> tuple[np.ndarray, np.ndarray]:
    """(changes of the loss of 5 quants [5, c], mean 0 a position; positions [c]), lognormal.

    spread: of the logarithm; 0.36 has a skew of 1.2, as the most skewed quants of the packed study.
    """
    sizes = rng.integers(POSITIONS // 2, POSITIONS, chunks).astype(float)
    both = (
        _autoregression(rng, 1, chunks, correlation),
        _autoregression(rng, 5, chunks, correlation),
    )
    logs = spread * (both[0] + both[1]) / np.sqrt(2)
    return (np.exp(logs - spread**2 / 2) - 1) * sizes, sizes


def totals(
    rng: np.random.Generator, draw: Draw, means: np.ndarray, chunks: int
) -> tuple[np.ndarray, np.ndarray]:
    """(sums of each quant and chunk [q, c], positions of each chunk [c], which differ in size)."""
    sizes = rng.integers(POSITIONS // 2, POSITIONS, chunks).astype(float)
    hard = np.exp(0.6 * _autoregression(rng, 1, chunks, 0.3) - 0.18)
    return means[:, None] * hard * draw(rng, len(means), chunks) * sizes, sizes


def rows(kind: str, sums: np.ndarray, sizes: np.ndarray) -> Chunks:
    """The same as a statistic takes them; sums, sizes: [q, c], or sizes [c] of all quants."""
    quants, chunks = sums.shape
    names = np.array([f"q{k:02}" for k in range(quants)], object)
    count = quants * chunks
    same = [np.full(count, value, object) for value in ("text", "scorer", kind)]
    return Chunks(
        same[0],
        np.full(count, 512),
        same[1],
        same[2],
        np.repeat(names, chunks),
        np.tile(np.arange(chunks), quants),
        sums.ravel(),
        np.broadcast_to(sizes, sums.shape).ravel(),
    )


def every(worlds: int, seed: int) -> Iterator[np.random.Generator]:
    """A generator for each world."""
    return (np.random.default_rng((seed, k)) for k in range(worlds))


def _autoregression(
    rng: np.random.Generator, rows_: int, chunks: int, correlation: float
) -> np.ndarray:
    """Standard normal, neighbours correlated, [rows_, chunks]."""
    found = rng.standard_normal((rows_, chunks))
    for k in range(1, chunks):
        found[:, k] = correlation * found[:, k - 1] + np.sqrt(1 - correlation**2) * found[:, k]
    return found
