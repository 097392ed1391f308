"""Chunks and prompts drawn anew: what others would say of these quants, and which quants differ."""

import math
from collections.abc import Iterator

import numpy as np

from qwh.kernels.statistics import ranks
from qwh.kernels.statistics.chunks import chunks
from qwh.kernels.statistics.intervals import interval, redrawn_z
from qwh.kernels.statistics.quants import two_level

from . import VARS, Promise

EDGES = np.exp(np.arange(-160, 161) / VARS["kld_buckets_per_efold"])


def of_chunks(worlds: int, seed: int) -> Iterator[Promise]:
    """Mean and median of tokens that share half their variance within a chunk."""
    rng = np.random.default_rng(seed)
    for count in (12, 60):
        mean, middle = [], []
        for k in range(worlds // 2):
            n, own = rng.integers(40, 81, count), rng.standard_normal(count)
            parts = [
                math.sqrt(0.5) * (shared + rng.standard_normal(size))
                for shared, size in zip(own, n)
            ]
            totals = np.array([part.sum() for part in parts])
            means = chunks.mean_replicates(totals, n, 1_000, k)[:, 0]
            mean.append(covers(means, 0))
            histograms = np.array([[np.histogram(np.exp(part), EDGES)[0] for part in parts]])
            medians = chunks.quantile_replicates(histograms, EDGES, [0.5], 1_000, k)[:, 0, 0]
            middle.append(covers(medians, 1.0))
        name = f"{count} chunks that share half their variance: interval of the "
        for what, found in (("mean", mean), ("median", middle)):
            yield Promise(f"{name}{what} holds it", found, (0.86 if count < 20 else 0.92, 0.97))


def covers(replicates: np.ndarray, truth: float) -> bool:
    """Whether the percentile interval holds the truth."""
    low, high = interval(replicates)
    return low is not None and high is not None and low <= truth <= high


def of_two_levels(worlds: int, seed: int) -> Iterator[Promise]:
    """rho of a KLD that is known with a score, or a volume, that is not.

    The interval holds the mean rho of other prompts, and the rho of these.
    """
    rng = np.random.default_rng(seed)
    plans = [(5, 200), (7, 500), (8, 100), (8, 2_000), (16, 500), (16, 2_000), (35, 2_000)]
    for quants, n in (*plans, (41, 500)):
        for largest, slope, scatter in ((0.5, 0.3, 0.0), (0.5, 0.3, 0.03), (0.02, 0.0, 0.0)):
            kld = np.exp(rng.uniform(math.log(0.003), math.log(largest), quants))
            lost = slope * kld + scatter * rng.standard_normal(quants)
            volume = np.maximum(0.2 * np.sqrt(kld), np.abs(lost) * 1.05)
            shares = np.stack([(volume + lost) / 2, (volume - lost) / 2, 1 - volume], 1)
            counts = np.array([rng.multinomial(n, share, 2_000) for share in shares])
            world = f"{quants} quants, {n} prompts, KLD to {largest:g}, scatter {scatter:g}: "
            for target, sign in (("score", (-1, 1, 0)), ("volume", (1, 1, 0))):
                others = (counts @ sign).T / n
                mean = np.nanmean(ranks.rho_by_row(np.broadcast_to(kld, others.shape), others))
                held = [_held(kld, shares, sign, n, mean, rng) for _ in range(max(worlds // 8, 20))]
                what = f"{world}mean rho {mean:.2f} of {target} in its interval"
                yield Promise(what, held, (0.92, 1.0))


def _held(
    kld: np.ndarray, shares: np.ndarray, sign: tuple, n: int, mean: float, rng: np.random.Generator
) -> bool:
    """Whether the interval of one set of n prompts holds the mean rho, and the set's own."""
    u = rng.random((len(kld), n, 1))
    side = (u > np.cumsum(shares, 1)[:, None, :2]).sum(2)
    adds = np.array(sign, float)[side]
    draws = rng.multinomial(n, np.full(n, 1 / n), 300) @ adds.T / n
    known = np.full((1, *draws.shape), np.nan)
    sides = kld[None], adds.mean(1)[None], known, np.round(draws, 12)[None]
    [[rho]], *drawn = two_level.redrawn(*sides)
    low, high = redrawn_z(float(rho), len(kld), *(part[:, 0, 0] for part in drawn))
    return low is not None and high is not None and low <= min(mean, rho) <= max(mean, rho) <= high


PROMISES = (of_chunks, of_two_levels)
