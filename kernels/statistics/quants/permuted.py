"""Does y fall with x among relatives? Ranks dealt anew inside families and whole families dealt.

Whitened by how much of the ranks' variance lies between families, so that both kinds of deal are
exact where quants of a family, and families, are exchangeable.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..multiplicity import TIE, step_down

ONE_THREAD = 200_000  # multiplications up to which OpenBLAS keeps to one thread (262,144)
LARGEST_SHARE = 1e4  # of family over own variance
GRID = np.concatenate([[0.0], np.geomspace(0.01, LARGEST_SHARE, 70)])


class Dealt(NamedTuple):
    """What the deals say of m measurements."""

    share: float  # lambda: family over own variance of y's ranks
    rho: np.ndarray  # [m] rho among relatives, -1 to 1
    statistic: np.ndarray  # [m] T, whose sign is rho's
    p: np.ndarray  # [m] two-sided, add-one
    adjusted: np.ndarray  # [m] step-down max-T over the m
    least: np.ndarray  # [m] the least p that the deals allow


def permuted(
    x: np.ndarray, y: np.ndarray, family: np.ndarray, n_permutations: int, seed: int
) -> Dealt:
    """Test y [n] against measurements x [m, n]; family: [n] its number from 0 on.

    NaN where a side is constant. With all alone it is Spearman's permutation.
    """
    from scipy.stats import rankdata

    x, y = rankdata(x, axis=1), rankdata(y)
    share = family_share(y, family)
    inside_x, between_x = parts(x, family, share)
    inside_y, between_y = (part[0] for part in parts(y[None], family, share))
    statistic = inside_x @ inside_y + between_x @ between_y
    power = (inside_x**2).sum(1) + (between_x**2).sum(1)
    size = np.sqrt(power * ((inside_y**2).sum() + (between_y**2).sum()))
    known = size > TIE
    orders, families = deals(family.tobytes(), n_permutations, seed)
    drawn = product(inside_y[orders], inside_x.T) + product(between_y[families], between_x.T)
    scale = np.sqrt(
        deal_variance((inside_x, inside_y), (between_x, between_y), family).clip(TIE**2)
    )
    extreme = (np.abs(drawn) >= np.abs(statistic) - TIE).sum(0)
    observed = np.where(known, np.abs(statistic) / scale, np.nan)
    least = [least_p((a, inside_y), (b, between_y), family) for a, b in zip(inside_x, between_x)]
    return Dealt(
        share,
        np.where(known, statistic / np.where(known, size, 1), np.nan),
        statistic,
        np.where(known, (1 + extreme) / (1 + n_permutations), np.nan),
        step_down(observed, np.abs(drawn) / scale),
        np.array(least),
    )


def family_share(y: np.ndarray, family: np.ndarray) -> float:
    """Family over own variance of y [n] by REML; 0 where there is one family, or all are alone."""
    from scipy import optimize

    sizes = np.bincount(family)
    n, families = len(y), len(sizes)
    if families in (1, n):
        return 0.0
    means = np.bincount(family, y) / sizes
    within = ((y - means[family]) ** 2).sum()

    def loss(share: np.ndarray | float) -> np.ndarray:
        """Twice the negative restricted log-likelihood at shares [k]."""
        shares = np.atleast_1d(share)[:, None]
        weights = 1 / (shares + 1 / sizes)
        total = weights.sum(1)
        centre = (weights @ means) / total
        spread = within + (weights * (means - centre[:, None]) ** 2).sum(1)
        logs = np.log1p(sizes * shares).sum(1) + np.log(total)
        return (n - 1) * np.log(spread.clip(1e-300)) + logs

    k = int(loss(GRID).argmin())
    if k == 0:
        return 0.0
    bounds = (GRID[k - 1], GRID[min(k + 1, len(GRID) - 1)])
    found = optimize.minimize_scalar(
        lambda share: float(loss(share)[0]), bounds=bounds, method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    return float(found.x)


def parts(v: np.ndarray, family: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Deviations inside families [m, n], and whitened means of families [m, F], of v [m, n]."""
    sizes = np.bincount(family)
    ones = np.eye(len(sizes))[family]  # [n, F]
    means = v @ ones / sizes
    weights = 1 / (share + 1 / sizes)
    centre = means @ weights / weights.sum()
    return v - means[:, family], np.sqrt(weights) * (means - centre[:, None])


def product(long: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Matrix product of a long [B, n] with a small [n, m], in blocks too small for BLAS's threads.

    Those cost more than they bring where other work has the cores.
    """
    rows = max(1, ONE_THREAD // max(1, small.size))
    return np.concatenate([long[at : at + rows] @ small for at in range(0, len(long), rows)])


@lru_cache(16)
def deals(labels: bytes, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(orders of n quants inside their families [count, n], orders of families [count, F])."""
    family = np.frombuffer(labels, int)
    rng = np.random.default_rng((seed, 2))
    orders = np.empty((count, len(family)), np.int32)
    for number in range(int(family.max()) + 1):
        own = np.flatnonzero(family == number)
        orders[:, own] = rng.permuted(np.broadcast_to(own, (count, len(own))), axis=1)
    numbers = np.arange(family.max() + 1, dtype=np.int32)
    return orders, rng.permuted(np.broadcast_to(numbers, (count, len(numbers))), axis=1)


def deal_variance(
    inside: tuple[np.ndarray, np.ndarray],
    between: tuple[np.ndarray, np.ndarray],
    family: np.ndarray,
) -> np.ndarray:
    """Variance [m] of the statistic over all deals; each pair: x's part [m, .], y's part [.]."""
    sizes = np.bincount(family)
    ones = np.eye(len(sizes))[family]
    left = np.maximum(sizes - 1, 1)
    variance = ((inside[0] ** 2) @ ones) @ ((inside[1] ** 2) @ ones / left)
    x, y = (part - part.mean(-1, keepdims=True) for part in between)
    return variance + (x**2).sum(1) * (y**2).sum() / max(len(sizes) - 1, 1)


def least_p(
    inside: tuple[np.ndarray, np.ndarray],
    between: tuple[np.ndarray, np.ndarray],
    family: np.ndarray,
) -> float:
    """The least two-sided p of one measurement: 2 / deals, of the blocks that are not 0 alone."""
    blocks = [
        tuple(part[family == number] for part in inside) for number in range(family.max() + 1)
    ]
    ways = math.prod(_ways(*block) for block in [*blocks, between])
    return min(1.0, 2 / ways)


def _ways(x: np.ndarray, y: np.ndarray) -> float:
    """How many deals of a block differ; 1 where a side is 0 throughout."""
    if not (np.abs(x) > TIE).any() or not (np.abs(y) > TIE).any():
        return 1
    ties = [
        math.prod(math.factorial(k) for k in np.unique(side.round(9), return_counts=True)[1])
        for side in (x, y)
    ]
    return math.factorial(len(x)) / max(ties)
