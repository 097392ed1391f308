"""Chunks and prompts drawn anew: what others would say of these quants, and which quants differ."""

import math
from collections.abc import Iterator

import numpy as np

from qwh.kernels.statistics import ranks
from qwh.kernels.statistics.chunks import chunks
from qwh.kernels.statistics.intervals import interval
from qwh.kernels.statistics.quants import two_level
from qwh.kernels.statistics.scores import composites

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
    """rho of a KLD that is known with a score that is not, 16 quants on 500 or 2,000 prompts."""
    rng = np.random.default_rng(seed)
    for scatter, prompts_each in ((0.0, 100), (0.01, 400), (0.03, 100)):
        kld = np.exp(rng.uniform(math.log(0.003), math.log(0.5), 16))
        lost = 0.3 * kld + scatter * rng.standard_normal(16)
        volume, n = np.maximum(0.2 * np.sqrt(kld), np.abs(lost) * 1.05), 5 * prompts_each
        shares = np.stack([(volume - lost) / 2, (volume + lost) / 2, 1 - volume], 1)
        others = np.array([rng.multinomial(n, share, 2_000) @ (1, -1, 0) for share in shares]).T / n
        mean = ranks.rho_by_row(np.broadcast_to(kld, others.shape), others).mean()
        ends = [_ends(kld, shares, n, rng, k) for k in range(min(worlds, 200))]
        noise = [low is not None and low <= mean <= high for low, high in ends]
        what = f"16 quants, {n} prompts, scatter {scatter:g}: interval of prompts drawn anew holds"
        yield Promise(f"{what} the mean rho {mean:.2f}", noise, (0.92, 0.99))


def _ends(
    kld: np.ndarray, shares: np.ndarray, n: int, rng: np.random.Generator, seed: int
) -> tuple[float | None, float | None]:
    """The interval of rho of one set of n prompts over five benchmarks, prompts drawn anew."""
    u = rng.random((len(kld), n))
    dropped = u < shares[:, :2].sum(1)[:, None]
    gains = np.where(u < shares[:, :1], 1.0, np.where(dropped, -1.0, 0.0))
    scores = composites.score_replicates(gains, np.repeat(list("abcde"), n // 5), None, 500, seed)
    known = np.full((1, *scores.shape), np.nan)
    rho = two_level.redrawn(kld[None], gains.mean(1)[None], known, scores[None])
    return interval(rho[1:, 0, 0])


PROMISES = (of_chunks, of_two_levels)
