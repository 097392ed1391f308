"""Rank correlations of the same things, and differences of two of them, by their joint spread."""

from typing import NamedTuple, TypeAlias

import numpy as np

from .intervals import ALPHA
from .left_out import Spread
from .multiplicity import among, resolves
from .resolution import POWER

MOST = 1 - 1e-4  # of |rho|: beyond, Fisher's z says nothing
Pair: TypeAlias = tuple[int, int | None]  # a rho less another one, or less nothing


class Contrasts(NamedTuple):
    """Of c pairs, [c] each."""

    figure: np.ndarray
    low: np.ndarray  # 95 % interval
    high: np.ndarray
    resolvable: np.ndarray  # what 80 % power tells from 0
    p: np.ndarray  # two-sided, that the figure is 0; NaN where nothing varies
    p_adjusted: np.ndarray  # over the pairs


def contrasts(rho: np.ndarray, spread: Spread, pairs: list[Pair], draws: np.ndarray) -> Contrasts:
    """Of rho [m]; draws: [b, at least c] standard normal, for the largest of c pairs.

    p by Student's t of Fisher's z, or of its difference; the interval of a difference from those of
    its two sides (Zou 2007), since a rho near 1 has little room above it. That holds too much where
    both are alike, so it ends at 0 where p refuses 0.
    """
    from scipy.stats import norm, t

    inner = np.clip(rho, -MOST, MOST)
    steep = 1 / (1 - inner**2)
    turned = np.zeros((len(pairs), len(rho)))
    plain = np.zeros_like(turned)
    for row, (i, j) in enumerate(pairs):
        turned[row, i], plain[row, i] = steep[i], 1
        if j is not None:
            turned[row, j], plain[row, j] = -steep[j], -1
    moved = spread.of(turned)
    z = (np.arctanh(inner) * (turned / steep)).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * t.sf(np.abs(z) / moved.error, moved.df)
    level, axes = np.linalg.eigh(moved.alike)
    null = np.abs(draws[:, : len(pairs)] @ (axes * np.sqrt(level.clip(0))).T)
    low, high = _intervals(rho, spread, pairs)
    figure = plain @ rho
    refused = np.array([resolves(each) for each in p], bool)
    low = np.where(refused & (figure > 0), np.maximum(low, 0), low)
    high = np.where(refused & (figure < 0), np.minimum(high, 0), high)
    direct = spread.of(plain)
    told = (t.ppf(1 - ALPHA / 2, direct.df) + t.ppf(POWER, direct.df)) * direct.error
    return Contrasts(figure, low, high, told, p, among(norm.isf(p / 2), null, p))


def _intervals(rho: np.ndarray, spread: Spread, pairs: list[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends [c]."""
    inner = np.clip(rho, -MOST, MOST)
    half = spread.half / (1 - inner**2)
    low = np.minimum(np.tanh(np.arctanh(inner) - half), rho)
    high = np.maximum(np.tanh(np.arctanh(inner) + half), rho)
    ends = []
    for i, j in pairs:
        if j is None:
            ends.append((low[i], high[i]))
            continue
        figure, alike = rho[i] - rho[j], 2 * spread.alike[i, j]
        down, up = (rho[i] - low[i], high[j] - rho[j]), (high[i] - rho[i], rho[j] - low[j])
        reach = [np.sqrt(max(0.0, a**2 + b**2 - alike * a * b)) for a, b in (down, up)]
        ends.append((figure - reach[0], figure + reach[1]))
    lower, upper = np.array(ends, float).reshape(-1, 2).T
    return lower, upper
