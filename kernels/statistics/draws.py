"""Shared draws: permutations and bootstrap counts. One seed gives every cell the same draws."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

# quants below which there is no figure: a rank correlation of 4 points has no p below 0.08
SMALLEST = 5
SMALLEST_VERDICT = 8  # quants below which a statistic over quants says nothing
BLOCK = 1_000  # resamples handled at once, so that temporaries stay in the cache


@lru_cache(8)
def permutations(n: int, count: int, seed: int) -> np.ndarray:
    """count random orders of n things, [count, n] int."""
    return np.random.default_rng(seed).permuted(np.broadcast_to(np.arange(n), (count, n)), axis=1)


@lru_cache(8)
def resamples(n: int, count: int, seed: int) -> np.ndarray:
    """How often each of n things is drawn in each of count bootstrap samples, [count, n] float."""
    return draw(n, count, np.random.default_rng((seed, 1)))


def draw(n: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """The same from a generator, not remembered."""
    drawn = rng.integers(0, n, (count, n)) + n * np.arange(count)[:, None]
    return np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n).astype(float)


def blocks(count: int) -> Iterator[slice]:
    """Slices of at most BLOCK that cover count resamples."""
    return (slice(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK))


def draws(n: int, count: int, seed: int) -> Iterator[tuple[slice, np.ndarray]]:
    """(slice, counts [slice's length, n]) block by block, for chunks and prompts by the thousand.

    One seed, the same draws.
    """
    rng = np.random.default_rng(seed)
    return ((block, draw(n, block.stop - block.start, rng)) for block in blocks(count))


def halves(size: int, splits: int, seed: int) -> np.ndarray:
    """Which of size things are in the first half of each random split, [splits, size] 0 or 1."""
    return (permutations(size, splits, seed) < size // 2).astype(float)
