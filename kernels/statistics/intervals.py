"""What is read off draws and figures: finite numbers and their 95 % intervals."""

import math

import numpy as np

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
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def bca(
    replicates: np.ndarray, value: float, jackknife: np.ndarray
) -> tuple[float | None, float | None]:
    """Bias-corrected accelerated interval (Efron 1987), None, None where it is degenerate.

    replicates: [B]; jackknife: the value without each thing [n].
    """
    from scipy.stats import norm

    known = replicates[np.isfinite(replicates)]
    below = ((known < value).sum() + (known <= value).sum()) / (2 * max(1, len(known)))
    deviations = jackknife.mean() - jackknife
    spread = (deviations**2).sum()
    if not 0 < below < 1 or not np.isfinite(jackknife).all() or spread == 0:
        return None, None
    bias, acceleration = norm.ppf(below), (deviations**3).sum() / (6 * spread**1.5)
    z = bias + norm.ppf((0.025, 0.975))
    low, high = np.quantile(known, norm.cdf(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


def fisher_z(rho: float, n: int) -> tuple[float | None, float | None]:
    """Interval of Spearman's rho of n things by Fisher's z; None, None for n <= 3.

    A rho of 1 or -1, whose z is infinite, has the interval of the next rho that n things can have,
    up to itself.
    """
    from scipy.stats import norm

    if n <= 3:
        return None, None
    next_to_one = 1 - 12 / (n**3 - n)  # two neighbours have changed places
    inside = min(max(rho, -next_to_one), next_to_one) if abs(rho) >= 1 else rho
    half = norm.ppf(1 - ALPHA / 2) * math.sqrt(z_variance(inside**2, n))
    low, high = math.tanh(math.atanh(inside) - half), math.tanh(math.atanh(inside) + half)
    return min(low, rho), max(high, rho)
