"""Geometric-mean KLD of prompts where something happened over those where it did not.

A regression of ln KLD on the event with a level for each stratum: the ratio weighs a stratum by
events x others / all. Errors are robust to unequal spread and to texts asked more than once (HC2),
with Bell and McCaffrey's (2002) degrees of freedom, so that they hold where events are rare. A t
test of few events is misled by skewed KLD, so p is the larger of its p and of that of events dealt
anew (dealing.py), which is misled by unequal spread.
"""

from typing import NamedTuple

import numpy as np

from ..draws import SMALLEST
from ..intervals import ALPHA, finite
from ..resolution import POWER
from .dealing import dealt_p
from .prompt_table import Strata


class Judged(NamedTuple):
    """A figure with its interval and test, on prompts that are compared."""

    figure: float
    low: float | None
    high: float | None
    p: float | None  # two-sided, that KLD says nothing
    detectable: float | None  # the least figure above the useless one that would be told
    value: float = 0.0  # the figure on a scale where 0 says nothing
    influence: np.ndarray = np.zeros(0)  # of each prompt on the value, [n]


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
    leverage = np.bincount(strata.unit, 1 / strata.sizes + x**2 / spread)[strata.unit]
    weight = x / np.sqrt(np.maximum(1 - leverage, 1e-12))
    influence = weight * (logs - value * x) / spread
    error = float(np.sqrt((np.bincount(strata.unit, influence) ** 2).sum()))
    if error < 1e-12:
        return Judged(float(np.exp(value)), None, None, None, None, value, influence)
    df = _freedom(x, weight, strata)
    reach = stdtrit(df, 1 - ALPHA / 2) * error
    least = (ndtri(POWER) - stdtrit(df, level / 2)) * error
    p = max(float(2 * stdtr(df, -abs(value) / error)), dealt_p(logs, event, strata))
    with np.errstate(over="ignore"):  # of next to no degrees of freedom: no upper end
        figure, low, high, detectable = np.exp([value, value - reach, value + reach, least])
    return Judged(float(figure), float(low), finite(high), p, finite(detectable), value, influence)


def lacking(event: np.ndarray, strata: Strata) -> str | None:
    """Why nothing can be said: too few texts on a side of the strata that have both."""
    share = strata.mean(event)
    both = (share > 0) & (share < 1)
    sides = [strata.texts(both & side) for side in (event, ~event)]
    if min(sides) >= SMALLEST:
        return None
    return f"{SMALLEST} prompts needed on either side, {sides[0]} and {sides[1]} can be compared"


def _freedom(x: np.ndarray, weight: np.ndarray, strata: Strata) -> float:
    """Degrees of freedom of the error, as they are where all prompts are equally spread.

    x: [n] the event less its stratum's mean; weight: [n] of the residuals. With G the products of
    what each text's residuals have in common: trace(G)^2 / trace(G G).
    """
    from scipy.sparse import coo_array

    spread = (x**2).sum()
    text = np.unique(strata.unit, return_inverse=True)[1]
    own, of_slope = (np.bincount(text, part) for part in (weight**2, weight * x))
    places = (text, strata.labels)
    levels = coo_array((weight / np.sqrt(strata.sizes), places)).tocsr()  # [texts, strata]
    shared = (levels**2).sum(1) + of_slope**2 / spread
    squares = ((levels.T @ levels) ** 2).sum() + ((of_slope**2).sum() / spread) ** 2
    squares += 2 * ((levels.T @ of_slope) ** 2).sum() / spread
    squares += ((own - shared) ** 2 - shared**2).sum()
    return float(max(1.0, (own - shared).sum() ** 2 / squares))
