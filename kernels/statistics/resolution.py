"""What so many quants or prompts can resolve, and how many it takes: 5 %, two-sided, 80 % power."""

import math

from .draws import SMALLEST
from .intervals import ALPHA
from .ranks import z_variance

POWER = 0.8


def minimum_resolvable_rho(n: int) -> float | None:
    """Smallest |rho| that the t test finds among n unrelated quants; None below SMALLEST.

    Fisher's z with the variance of ranks, solved for rho.
    """
    from scipy import optimize, stats

    if n < SMALLEST:
        return None
    critical = stats.norm.ppf(1 - ALPHA / 2) * math.sqrt(z_variance(0, n))
    wanted = stats.norm.ppf(POWER)

    def short(rho: float) -> float:
        return math.atanh(rho) - critical - wanted * math.sqrt(z_variance(rho**2, n))

    return float(optimize.brentq(short, 1e-6, 1 - 1e-9))


def prompts_needed(volume: float, difference: float) -> int | None:
    """Prompts that resolve a true difference of score at this volume of disagreement.

    z^2 (volume - difference^2) / difference^2. None where it cannot be: no difference, or one
    larger than the volume.
    """
    if not 0 < abs(difference) <= volume <= 1:
        return None
    return math.ceil(_both_z() ** 2 * (volume - difference**2) / difference**2)


def minimum_resolvable_difference(volume: float, prompts: float) -> float | None:
    """Smallest true difference that so many prompts find: `prompts_needed` turned around.

    None without disagreement, or where even disagreement that all goes one way would not be found.
    """
    if prompts < 1 or not 0 < volume <= 1:
        return None
    z = _both_z()
    smallest = z * math.sqrt(volume / (prompts + z**2))
    return smallest if smallest <= volume else None


def _both_z() -> float:
    from scipy.stats import norm

    return float(norm.ppf(1 - ALPHA / 2) + norm.ppf(POWER))
