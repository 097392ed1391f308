"""Made-up cohorts whose truth is known: quants at random distances from a reference, and their
answers to the same prompts.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from qwh.kernels.statistics.quants.points import Points

BENCHMARKS, CHUNKS = 5, 60


class World(NamedTuple):
    """A cohort of q quants on n prompts and c chunks. true_difference: [q] score less the
    reference's, without prompt noise.
    """

    kld: np.ndarray  # [q] mean KLD, nats
    chunk_kld: np.ndarray  # [q, c] sums over the chunk's tokens
    chunk_tokens: np.ndarray  # [c]
    reference: np.ndarray  # [n] 0 or 1
    scores: np.ndarray  # [q, n] 0 or 1
    prompt_kld: np.ndarray  # [q, n]
    entropy: np.ndarray  # [n] the reference's, which goes with hardness
    benchmarks: np.ndarray  # [n]
    true_difference: np.ndarray  # [q]


def world(
    quants: int,
    per_benchmark: int,
    seed: int,
    volume_slope: float = 0.12,
    fall: Callable[[np.ndarray], np.ndarray] = lambda kld: 0.16 * kld,
) -> World:
    """Volume of disagreement grows with the root of KLD; the score falls by fall(kld) (negative: it
    rises), leapfrogs and drops making up the rest.
    """
    rng = np.random.default_rng(seed)
    kld = np.exp(rng.uniform(math.log(0.003), math.log(0.5), quants))
    n = per_benchmark * BENCHMARKS
    hard = rng.standard_normal(n)
    right = 1 / (1 + np.exp(hard - 0.9))
    reference = (rng.random(n) < right).astype(float)
    lost = fall(kld)
    volume = np.maximum(volume_slope * np.sqrt(kld), np.abs(lost) * 1.05)
    drop, leap = (
        (volume + lost) / 2 / reference.mean(),
        (volume - lost) / 2 / (1 - reference).mean(),
    )
    u = rng.random((quants, n))
    scores = np.where(reference == 1, u >= drop[:, None], u < leap[:, None]).astype(float)
    prompt_kld = kld[:, None] * np.exp(0.3 * hard + 0.8 * rng.standard_normal((quants, n)))
    tokens = np.full(CHUNKS, 256)
    chunk_kld = (
        kld[:, None]
        * tokens
        * np.exp(0.15 * rng.standard_normal(CHUNKS) + 0.03 * rng.standard_normal((quants, CHUNKS)))
    )
    return World(
        kld,
        chunk_kld,
        tokens,
        reference,
        scores,
        prompt_kld,
        hard + 0.3 * rng.standard_normal(n),
        np.repeat([f"benchmark {k}" for k in range(BENCHMARKS)], per_benchmark),
        -lost,
    )


def variants(made: World, count: int, seed: int) -> np.ndarray:
    """count measurements [count, q] of the same distances: each chunk mean with its own error of a
    few per cent.
    """
    rng = np.random.default_rng(seed)
    return (
        made.chunk_kld.sum(1)
        / made.chunk_tokens.sum()
        * np.exp(0.1 * rng.standard_normal((count, len(made.kld))))
    )


def relatives(
    quants: int, prompts: int, seed: int, family: int = 4, shared: float = 0.9
) -> np.ndarray:
    """Gains [q, n] of quants that differ in nothing: volume 6 %, no direction, this share of the
    answers the same in a whole family.
    """
    rng = np.random.default_rng(seed)
    common, own = (
        rng.choice([-1.0, 0.0, 1.0], (rows, prompts), p=[0.03, 0.94, 0.03])
        for rows in (quants // family, quants)
    )
    return np.where(rng.random((quants, prompts)) < shared, common.repeat(family, axis=0), own)


def points(x: np.ndarray, y: np.ndarray, uploaders: Sequence[str | None] | None = None) -> Points:
    """Measurements [m, n] and targets [t, n], or one of them [n], as rows of n quants."""
    x, y = np.atleast_2d(x), np.atleast_2d(y)
    i, j, k = (index.ravel() for index in np.indices((len(x), len(y), x.shape[1])))
    names = np.array([f"{number:02d}" for number in range(max(len(x), len(y), x.shape[1]))], object)
    who = np.array([None] * x.shape[1] if uploaders is None else list(uploaders), object)
    return Points(names[k], names[i], i, names[j], who[k], x[i, k], y[j, k])
