"""Ranks and Spearman's rho of many samples at once. Nothing is said here of what a rho means."""

import math
from collections.abc import Iterator

import numpy as np

from .draws import blocks


def centred_ranks(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mid-ranks less the mean rank of every row of values [m, n]: [b, m, n].

    The samples hold each thing counts [b, n] times. One matrix product ranks all of them: what
    lies below a value counts whole, what equals it half. Nothing is sorted.
    """
    m, n = values.shape
    # [m, n, n]: row's thing under column's
    below = (values[:, :, None] < values[:, None]) + 0.5 * (values[:, :, None] == values[:, None])
    flat = below.transpose(1, 0, 2).reshape(n, m * n)
    return (counts @ flat).reshape(-1, m, n) - counts.sum(1)[:, None, None] / 2


def ranks_or_zero(values: np.ndarray) -> np.ndarray:
    """Mid-ranks less their mean [n]; 0 where the value is missing."""
    from scipy.stats import rankdata

    has = np.isfinite(values)
    ranks = np.zeros(len(values))
    if has.any():
        ranks[has] = rankdata(values[has]) - (has.sum() + 1) / 2
    return ranks


def resampled_rho(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's rho of x [m, n] with y [t, n] in samples that hold each thing counts [B, n] times.

    Returns [B, m, t], rounded to 12 digits, so that equal samples give equal figures; NaN where a
    side is constant.
    """
    found = np.empty((len(counts), len(x), len(y)))
    for part in blocks(len(counts)):
        drawn = counts[part]
        rx, ry = centred_ranks(x, drawn), centred_ranks(y, drawn)
        weighted_x, weighted_y = rx * drawn[:, None], ry * drawn[:, None]
        spread = np.sqrt(
            np.einsum("bmn,bmn->bm", rx, weighted_x)[:, :, None]
            * np.einsum("btn,btn->bt", ry, weighted_y)[:, None]
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            found[part] = np.round(weighted_x @ ry.transpose(0, 2, 1) / spread, 12)
    return found


def redrawn_rho(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rho of x [m, B, n] with y [t, B, n] replicate by replicate: [B, m, t].

    Rounded to 12 digits; NaN where a row is constant.
    """
    from scipy.stats import rankdata

    # [B, m, n], [B, t, n]
    x, y = (np.swapaxes(rankdata(side, axis=2) - (side.shape[2] + 1) / 2, 0, 1) for side in (x, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.round(
            x @ y.swapaxes(1, 2) / np.sqrt((x**2).sum(2)[:, :, None] * (y**2).sum(2)[:, None]), 12
        )


def rho_by_row(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rho of each row of x with the same row of y: [B, n] -> [B]; NaN if constant."""
    return redrawn_rho(x[None], y[None])[:, 0, 0]


def rho_inside(x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Spearman's rho of x [n] with each row of y [B, n] among the things inside [B, n]: [B].

    NaN where a side is constant there.
    """
    from scipy.stats import rankdata

    count = inside.sum(1, keepdims=True)
    sides = [
        np.where(inside, rankdata(np.where(inside, side, np.inf), axis=1) - (count + 1) / 2, 0.0)
        for side in (np.broadcast_to(x, y.shape), y)
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        joint, *squares = ((a * b).sum(1) for a, b in (sides, sides[:1] * 2, sides[1:] * 2))
        return np.round(joint / np.sqrt(squares[0] * squares[1]), 12)


def t_p(rho: float, n: int) -> float:
    """Two-sided p of a rank correlation of n things by the t approximation."""
    from scipy.stats import t

    return float(2 * t.sf(abs(rho) * math.sqrt((n - 2) / max(1 - rho**2, 1e-300)), n - 2))


def z_variance(square: float, n: int) -> float:
    """Variance of Fisher's z of a Spearman's rho of n things, from rho squared.

    (1 + rho^2 / 2) / (n - 3) (Bonett and Wright 2000).
    """
    return (1 + square / 2) / (n - 3)


Cells = list[tuple[int, int]]


def by_quants(
    x: np.ndarray, y: np.ndarray
) -> Iterator[tuple[np.ndarray, list[int], list[int], Cells]]:
    """Cells (row of x, row of y) that use the same columns, together; a missing value is NaN.

    Yields (used [n] bool, rows, columns, cells).
    """
    together: dict[bytes, Cells] = {}
    for i, j in np.ndindex(len(x), len(y)):
        together.setdefault((np.isfinite(x[i]) & np.isfinite(y[j])).tobytes(), []).append((i, j))
    for used, wanted in together.items():
        rows, columns = ({cell[side] for cell in wanted} for side in (0, 1))
        yield np.frombuffer(used, bool), sorted(rows), sorted(columns), wanted
