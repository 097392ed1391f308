"""Means of few chunks that are skewed: the more cautious of Student's t and Hall's cubic of it.

A mean of skewed chunks is small where its error is small too, so that t misses one side of the
truth too often. Hall's (1992) cubic takes most of that out and rises throughout, so that it has an
interval; from few chunks the skew is known badly, so that t still counts where it says less.
"""

import math

import numpy as np

from ..intervals import ALPHA
from .clusters import Estimates

STRAIGHT = 1e-4  # a skew that bends nothing


def cautious_p(found: Estimates, null: float) -> np.ndarray:
    """Two-sided p [m] that the figure is null, the larger of both; NaN without spread."""
    from scipy.stats import t

    plain = (found.figure - null) / found.error
    return 2 * t.sf(np.minimum(np.abs(plain), np.abs(_cubic(plain, found))), found.df)


def cautious_ends(found: Estimates) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % intervals that hold both, [m] each; NaN without spread."""
    from scipy.stats import t

    reach = np.full(len(found.figure), t.ppf(1 - ALPHA / 2, found.df))
    above = np.maximum(reach, _inverse(reach, found))
    below = np.minimum(-reach, _inverse(-reach, found))
    return found.figure - above * found.error, found.figure - below * found.error


def _cubic(plain: np.ndarray, found: Estimates) -> np.ndarray:
    """Hall's statistic of t [m]: nearer to a normal one."""
    root = math.sqrt(found.df + 1)
    s, skew = plain / root, found.skew
    return root * (s + skew * s**2 / 3 + skew**2 * s**3 / 27) + skew / (6 * root)


def _inverse(value: np.ndarray, found: Estimates) -> np.ndarray:
    """The t [m] whose cubic is value [m]."""
    root = math.sqrt(found.df + 1)
    skew = np.where(np.abs(found.skew) < STRAIGHT, STRAIGHT, found.skew)
    shifted = value / root - skew / (6 * root**2)
    return root * 3 / skew * (np.cbrt(1 + skew * shifted) - 1)
