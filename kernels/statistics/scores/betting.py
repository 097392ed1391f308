"""Evidence on gains between -1 and 1 that may be looked at after every text, whatever their tails.

A gambler who stakes a part l of what he has on every gain holds the product of 1 + l x gain. If
gains have no mean, it grows in the mean for no l of -1 to 1: the mean over all such l, spread
evenly, is the e-value (Waudby-Smith and Ramdas 2024). It does not depend on the order. Of gains
that are all -1, 0 or 1 it is the likelihood ratio of paired.e_value.
"""

import math
from functools import lru_cache

import numpy as np

from ..intervals import ALPHA

STAKES = 48  # Gauss and Legendre's; the product is smooth in the stake
MOST = 700.0  # 1e304 says enough


def stakeable(gains: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """What each text's items gain together over the items of the largest, [texts] within +-1.

    gains: [n]; unit: [n] number of each item's text.
    """
    return np.bincount(unit, gains) / np.bincount(unit).max(initial=1)


def e_value(gains: np.ndarray) -> float:
    """Evidence that gains [n] have a mean; its mean is 1 at most where they have none."""
    return math.exp(min(_log_wealth(gains, 0.0), MOST))


def anytime_interval(gains: np.ndarray, unit: np.ndarray) -> tuple[float, float]:
    """The means of gains [n] that no gambler refuses by 1 / ALPHA: it holds at every n at once.

    unit: [n] number of each item's text.
    """
    from scipy.optimize import brentq

    staked, sizes = stakeable(gains, unit), stakeable(np.ones(len(gains)), unit)

    def room(mean: float) -> float:
        return -math.log(ALPHA) - _log_wealth(staked - mean * sizes, mean)

    ends = []
    for side in (-1.0, 1.0):
        far = side * (1 - 1e-9)
        is_open = side * gains.mean() >= 1 - 1e-9 or room(far) > 0
        ends.append(side if is_open else float(brentq(room, gains.mean(), far, xtol=1e-7)))
    return ends[0], ends[1]


def _log_wealth(gains: np.ndarray, mean: float) -> float:
    """Log of what the gamblers hold together, of gains [n] from which this mean was taken."""
    from scipy.special import logsumexp

    nodes, weights = _stakes()
    low, high = -1 / (1 - mean), 1 / (1 + mean)
    stakes = (low + high) / 2 + nodes * (high - low) / 2
    return float(logsumexp(np.log1p(stakes[:, None] * gains).sum(1), b=weights / 2))


@lru_cache
def _stakes() -> tuple[np.ndarray, np.ndarray]:
    """Where stakes lie between -1 and 1, and how much each weighs: found once, as it is slow."""
    from scipy.special import roots_legendre

    return roots_legendre(STAKES)
