"""Shared draws and what is read off them: permutations, bootstrap counts, intervals. One seed gives
every cell the same draws.
"""

import math
from functools import lru_cache

import numpy as np

# quants below which nothing is said: a rank correlation of 4 points cannot reach p < 0.05
SMALLEST = 5
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


def blocks(count: int):
    """Slices of at most BLOCK that cover count resamples."""
    return (slice(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK))


def draws(n: int, count: int, seed: int):
    """(slice, counts [slice's length, n]) block by block: for chunks and prompts, of which there
    are thousands. One seed, the same draws.
    """
    rng = np.random.default_rng(seed)
    return ((block, draw(n, block.stop - block.start, rng)) for block in blocks(count))


def number(value) -> float | None:
    """A float, or None for what is missing, NaN or infinite."""
    return float(value) if value is not None and math.isfinite(value) else None


def interval(replicates: np.ndarray, level: float = 0.95) -> tuple[float | None, float | None]:
    """Percentile interval of the finite replicates [B]; None, None if fewer than half are."""
    finite = replicates[np.isfinite(replicates)]
    if 2 * len(finite) < len(replicates) or not len(finite):
        return None, None
    low, high = np.quantile(finite, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def bca(
    replicates: np.ndarray, value: float, jackknife: np.ndarray
) -> tuple[float | None, float | None]:
    """Bias-corrected accelerated 95 % interval (Efron 1987); jackknife: the value without each
    thing [n]. None, None where degenerate.
    """
    from scipy.stats import norm

    finite = replicates[np.isfinite(replicates)]
    below = ((finite < value).sum() + (finite <= value).sum()) / (2 * max(1, len(finite)))
    deviations = jackknife.mean() - jackknife
    spread = (deviations**2).sum()
    if not 0 < below < 1 or not np.isfinite(jackknife).all() or spread == 0:
        return None, None
    bias, acceleration = norm.ppf(below), (deviations**3).sum() / (6 * spread**1.5)
    z = bias + norm.ppf((0.025, 0.975))
    low, high = np.quantile(finite, norm.cdf(bias + z / (1 - acceleration * z)))
    return float(low), float(high)
