"""How many prompts a test of a weighted sum takes, and what so many find, with 80 % power.

As many of each benchmark as there are now, in proportion. The level is the test's own: its critical
z, which grows with the number of tests that are looked at together.
"""

import numpy as np

from ..resolution import POWER
from .fractions import Moments, unseen
from .stratified import Tables


def needed(
    found: Tables | Moments,
    difference: float,
    critical: float | np.ndarray,
    prompts: np.ndarray,
    either: bool | np.ndarray = False,
) -> np.ndarray:
    """Prompts [m] that find a true difference of this size; NaN where volume is below it.

    critical: one z, or [m]; prompts: [m] how many there are; either: whether unseen losses of
    either side could make it, fractions.BOTH.
    """
    if isinstance(found, Moments):
        times = (_reach(critical) * found.error / difference) ** 2
        # hidden / k + luck / sqrt(k) = difference at k times the prompts
        hidden, luck = _hidden(found, critical, either), _reach(0.0) * found.error
        root = (luck + np.sqrt(luck**2 + 4 * hidden * difference)) / (2 * difference)
        times = np.maximum(times, root**2)
        known = (found.error > 0) & (found.volume >= difference)
        return np.where(known, np.ceil(times * prompts), np.nan)
    n, volume = _as_one(found)
    more = _reach(critical) ** 2 * (volume - difference**2) / difference**2
    return np.where(_sizes(found) >= difference, np.ceil(more * prompts / n), np.nan)


def needed_for_none(
    found: Tables | Moments, margin: float, critical: float, prompts: np.ndarray
) -> np.ndarray:
    """Prompts [m] that show a loss below the margin where nothing is lost."""
    if isinstance(found, Moments):
        from scipy.stats import norm

        shown = np.log(norm.sf(critical)) / np.log(unseen(found, np.full(len(prompts), margin)))
        times = (_reach(critical) * found.error / margin) ** 2
        return np.ceil(np.maximum(times, shown) * prompts)
    n, volume = _as_one(found)
    # a loss of the margin would move as many scores at least
    more = _reach(critical) ** 2 * np.maximum(volume, margin * found.jump[:, 0]) / margin**2
    return np.ceil(more * prompts / n)


def resolvable(
    found: Tables | Moments, critical: float | np.ndarray, either: bool | np.ndarray = False
) -> np.ndarray:
    """Smallest true difference [m] that so many prompts find; NaN where volume is below it."""
    if isinstance(found, Moments):
        least = _reach(critical) * found.error
        hidden, luck = _hidden(found, critical, either), _reach(0.0) * found.error
        least = np.maximum(least, hidden + luck)
        return np.where((least > 0) & (least <= found.volume), least, np.nan)
    n, volume = _as_one(found)
    smallest = _reach(critical) * np.sqrt(volume / (n + _reach(critical) ** 2))
    return np.where((smallest > 0) & (smallest <= _sizes(found)), smallest, np.nan)


def _hidden(found: Moments, critical: float | np.ndarray, either: bool | np.ndarray) -> np.ndarray:
    """The difference [m] that unseen losses could make at this z, a little too large; else 0."""
    from scipy.stats import norm

    heaviest = (found.weight / np.maximum(found.texts, 1)).max(1)
    return np.where(either, -np.log(2 * norm.sf(critical)) * heaviest, 0.0)


def _as_one(found: Tables) -> tuple[np.ndarray, np.ndarray]:
    """(prompts [m] of one benchmark that says as much, mean square [m] of its gains)."""
    noise = found.weight**2 / found.prompts
    moved = found.jump**2 * (found.leapfrogs + found.drops) / found.prompts
    return 1 / noise.sum(1), (noise * moved).sum(1) / noise.sum(1)


def _sizes(found: Tables) -> np.ndarray:
    """Weighted mean size of gains, [m]."""
    return (found.weight * found.volume).sum(1)


def _reach(critical: float | np.ndarray) -> np.ndarray:
    """How many standard errors a difference must lie off to be found with 80 % power."""
    from scipy.stats import norm

    return np.asarray(critical) + float(norm.ppf(POWER))
