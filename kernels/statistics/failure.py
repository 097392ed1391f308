"""Geometric-mean KLD of prompts where something happened over those where it did not.

A regression of ln KLD on the event with a level for each stratum: the ratio weighs a stratum by
events x others / all. Errors are robust to unequal spread and to texts asked more than once (HC2),
with Bell and McCaffrey's (2002) degrees of freedom, so that they hold where events are rare.
"""

from typing import NamedTuple

import numpy as np

from .draws import SMALLEST
from .intervals import ALPHA
from .prompt_table import Strata

POWER = 0.8  # with which a figure could have been told


class Judged(NamedTuple):
    """A figure with its interval and test, on prompts that are compared."""

    figure: float
    low: float | None
    high: float | None
    p: float | None  # two-sided, that KLD says nothing
    detectable: float | None  # the least figure above the useless one that would be told
    value: float  # the figure on a scale where 0 says nothing
    influence: np.ndarray  # of each prompt on the value, [n]


def ratio(kld: np.ndarray, event: np.ndarray, strata: Strata, level: float) -> Judged | None:
    """How many times as high the geometric-mean KLD is where the event is, in the same strata.

    kld: [n] nats, above 0; event: [n] bool; level: at which it would be told. None if a side of the
    strata that have both has fewer texts than SMALLEST.
    """
    from scipy.special import ndtri, stdtr, stdtrit

    if lacking(event, strata):
        return None
    x = event - strata.mean(event)
    spread = (x**2).sum()
    logs = np.log(kld)
    logs = logs - strata.mean(logs)
    value = float(x @ logs / spread)
    leverage = 1 / strata.sizes + x**2 / spread
    rest = np.maximum(1 - leverage, 1e-12)
    influence = x * (logs - value * x) / np.sqrt(rest) / spread
    error = float(np.sqrt((np.bincount(strata.unit, influence) ** 2).sum()))
    if error == 0:
        return Judged(float(np.exp(value)), None, None, None, None, value, influence)
    df = _freedom(x, leverage, strata)
    reach = stdtrit(df, 1 - ALPHA / 2) * error
    low, high = np.exp([value - reach, value + reach]).tolist()
    detectable = float(np.exp((ndtri(POWER) - stdtrit(df, level / 2)) * error))
    p = float(2 * stdtr(df, -abs(value) / error))
    return Judged(float(np.exp(value)), low, high, p, detectable, value, influence)


def compared(event: np.ndarray, strata: Strata) -> np.ndarray:
    """Which prompts are in strata that have both kinds, [n] bool."""
    share = strata.mean(event)
    return (share > 0) & (share < 1)


def lacking(event: np.ndarray, strata: Strata) -> str | None:
    """Why nothing can be said: too few texts on a side of the strata that have both."""
    both = compared(event, strata)
    sides = [strata.texts(both & side) for side in (event, ~event)]
    if min(sides) >= SMALLEST:
        return None
    return f"{sides[0]} and {sides[1]} prompts that can be compared, {SMALLEST} of each needed"


def _freedom(x: np.ndarray, leverage: np.ndarray, strata: Strata) -> float:
    """Degrees of freedom of the error, as they are under equal spread, with texts for items.

    x: [n] the event less its stratum's mean. With a the weights of squared residuals and M the
    matrix that makes them, (sum a M_ii)^2 / sum (a_i a_j M_ij^2), summed by strata.
    """
    spread = (x**2).sum()
    rest = np.maximum(1 - leverage, 1e-12)
    a = np.where(x == 0, 0.0, x**2 / rest)
    sizes = np.maximum(np.bincount(strata.labels), 1)
    sums, products = np.bincount(strata.labels, a), np.bincount(strata.labels, a * x)
    squares = (a @ x**2 / spread) ** 2 + (a**2 * (1 - 2 * leverage)).sum()
    squares += (sums**2 / sizes**2 + 2 * products**2 / (sizes * spread)).sum()
    items = (a @ rest) ** 2 / squares
    return float(max(1.0, items * strata.texts(x != 0) / (x != 0).sum()))
