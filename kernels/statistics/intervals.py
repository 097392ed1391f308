"""What is read off draws and figures: finite numbers and their 95 % intervals."""

import math

import numpy as np

from .draws import SMALLEST_VERDICT
from .ranks import z_variance

ALPHA = 0.05  # level of every test; intervals hold 1 - ALPHA


def finite(value: float | None) -> float | None:
    """A float, or None for what is missing, NaN or infinite."""
    return float(value) if value is not None and math.isfinite(value) else None


def interval(replicates: np.ndarray) -> tuple[float | None, float | None]:
    """Percentile interval of the finite replicates [B]; None, None if fewer than half are."""
    known = replicates[np.isfinite(replicates)]
    if 2 * len(known) < len(replicates) or not len(known):
        return None, None
    low, high = np.quantile(known, (ALPHA / 2, 1 - ALPHA / 2))
    return float(low), float(high)


def fisher_z(rho: float, n: int) -> tuple[float | None, float | None]:
    """Interval of Spearman's rho of n things by Fisher's z; None, None for n <= 3.

    A rho of 1 or -1, whose z is infinite, has the interval of the next rho that n things can have,
    up to itself.
    """
    from scipy.stats import norm

    if n <= 3:
        return None, None
    inside = math.copysign(next_to_one(n), rho) if abs(rho) >= 1 else rho
    half = norm.ppf(1 - ALPHA / 2) * math.sqrt(z_variance(inside**2, n))
    low, high = math.tanh(math.atanh(inside) - half), math.tanh(math.atanh(inside) + half)
    return min(low, rho), max(high, rho)


def redrawn_z(
    rho: float, n: int, whole: np.ndarray, half: np.ndarray
) -> tuple[float | None, float | None]:
    """Interval of the mean rho of draws like the one that gave this rho of n things.

    whole: rho [B] of noise drawn anew on top of the noise that the figures hold already, half: the
    same with half of that noise. Whole noise flattens the things' differences, so that its rhos lie
    nearer to 0, and closer together, than rhos of single draws do. Half hardly does: twice its
    spread of Fisher's z is laid about rho itself. Of fewer than SMALLEST_VERDICT things z takes
    few values: there it is the percentile interval of the whole ones, as wide as to hold rho.
    None, None if fewer than half of the draws have a rho.
    """
    from scipy.stats import norm

    if n < SMALLEST_VERDICT:
        low, high = interval(whole)
    else:
        known, most = half[np.isfinite(half)], next_to_one(n)
        if 2 * len(known) < len(half):
            return None, None
        centre, spread = np.arctanh(np.clip(rho, -most, most)), np.arctanh(known.clip(-most, most))
        reach = norm.isf(ALPHA / 2) * 2 * spread.std()
        low, high = math.tanh(centre - reach), math.tanh(centre + reach)
    return (None, None) if low is None or high is None else (min(low, rho), max(high, rho))


def next_to_one(n: int) -> float:
    """The largest Spearman's rho below 1 of n things without ties: two neighbours are swapped."""
    return 1 - 12 / (n**3 - n)
