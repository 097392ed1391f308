"""Power laws of KLD: figure = level (KLD / middle)^exponent, of figures above 0 and of any sign.

A figure above 0, such as a volume, has a scatter in proportion to itself: quasi-likelihood with a
log link, in which a figure of 0 counts as any other. A net loss may have any sign, so its logarithm
is never taken: nonlinear least squares weighted by the inverse of what prompts do to it.
"""

from typing import NamedTuple

import numpy as np

from ..intervals import ALPHA
from ..left_out import Left, errors

EXPONENTS = np.linspace(0, 4, 401)  # of a net loss
STEPS = 50  # of reweighting
SMALL = 1e-12  # of an exponent's last step


class Law(NamedTuple):
    """A fitted power law with its interval; NaN where the data do not end it."""

    level: float  # the law at the middle, the geometric mean of KLD
    exponent: float  # NaN where none fits best
    low: float  # 95 %
    high: float
    error: float  # NaN of a net loss, whose interval is that of a test of every exponent
    df: float


class Sides(NamedTuple):
    """What is left out: prompts a group at a time, families one by one."""

    without: np.ndarray  # figures without each group of texts, [G, q]
    stays: np.ndarray  # which quants stay without each family, [F, q]
    family: np.ndarray  # number of each quant's family, [q]


def positive(kld: np.ndarray, y: np.ndarray, weights: np.ndarray, sides: Sides) -> Law:
    """The law of figures y [q] that are not below 0, not all 0; weights [q] of relative residuals.

    The interval is Student's, families and prompts left out.
    """
    from scipy.stats import t

    x = centred(kld)
    kept = np.concatenate([np.ones((1, len(x)), bool), sides.stays]) * weights
    level, exponent = np.array([log_linear(x, y, row) for row in kept]).T
    middle = (weights * x).sum() / weights.sum()
    pull = weights * (x - middle) / (weights * (x - middle) ** 2).sum()
    law = np.exp(level[0] + exponent[0] * x)
    moved = (sides.without - y) / law * pull
    left = Left(exponent[:1], exponent[1:, None], moved[:, None], sides.family)
    (error,), (df,) = errors(left)
    half = t.ppf(1 - ALPHA / 2, df) * error
    return Law(
        float(np.exp(level[0])), exponent[0], exponent[0] - half, exponent[0] + half, error, df
    )


def log_linear(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """(ln level, exponent) of y [q] = level exp(exponent x): weighted relative residuals are 0 on
    average, and as far as they go with x.
    """
    design = np.stack([np.ones_like(x), x], 1)
    least = y[(y > 0) & (weights > 0)].min(initial=np.inf)
    if not np.isfinite(least):
        return np.nan, np.nan
    inner = np.linalg.pinv((design * weights[:, None]).T @ design)
    found = inner @ (design.T @ (weights * np.log(np.maximum(y, least / 2))))
    for _ in range(STEPS):
        relative = y / np.exp(np.clip(design @ found, -700, 700)) - 1
        step = inner @ (design.T @ (weights * relative))
        found = found + step / max(1.0, np.abs(step).max())
        if np.abs(step).max() < SMALL:
            break
    return float(found[0]), float(found[1])


def signed(kld: np.ndarray, y: np.ndarray, weights: np.ndarray, sides: Sides) -> Law:
    """The law of figures y [q] of any sign; weights [q] of squared residuals.

    An exponent is in the interval if, beside it, the figures do not change with ln KLD any more,
    and if that holds of all between it and the best: a law far off is tested by few quants alone.
    """
    from scipy.stats import t

    x = centred(kld)
    kept = np.concatenate([np.ones((1, len(x)), bool), sides.stays]) * weights
    curves = np.exp(EXPONENTS[:, None] * x)
    slope, size = _tilts(x, y, kept, curves)
    pulls = _pulls(x, weights, curves)
    moved = (sides.without - y)[:, None] * pulls
    error, df = errors(Left(slope[0], slope[1:], moved, sides.family))
    excess = np.abs(slope[0]) - t.ppf(1 - ALPHA / 2, df) * error
    best = int(size.argmax())
    level, exponent = np.nan, np.nan
    if 0 < best < len(EXPONENTS) - 1:
        exponent = _zero(slope[0], best)
        curve = np.exp(exponent * x)
        level = (weights * y * curve).sum() / (weights * curve**2).sum()
    refused = np.flatnonzero(excess > 0)
    below, above = refused[refused < best], refused[refused > best]
    low = _crossed(excess, below[-1]) if len(below) else np.nan
    high = _crossed(excess, above[0] - 1) if len(above) else np.nan
    return Law(level, exponent, low, high, np.nan, float(df[best]))


def centred(kld: np.ndarray) -> np.ndarray:
    """ln KLD less its mean."""
    return np.log(kld) - np.log(kld).mean()


def _tilts(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, curves: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For every exponent: what is left over changes so much with x [B, e]; what it explains [e].

    weights: [B, q]; curves: [e, q]. y = level curve + tilt x curve.
    """
    one, two, three = (weights @ (curves**2 * x**k).T for k in range(3))
    plain, tilted = ((weights * y) @ (curves * x**k).T for k in range(2))
    with np.errstate(invalid="ignore", divide="ignore"):
        tilt = (tilted * one - plain * two) / (three * one - two**2)
    return tilt, plain[0] ** 2 / one[0]


def _pulls(x: np.ndarray, weights: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """What each figure adds to the tilt of every exponent, [e, q]."""
    one, two, three = ((curves**2 * x**k) @ weights for k in range(3))
    parts = curves * (x * one[:, None] - two[:, None]) * weights
    return parts / (three * one - two**2)[:, None]


def _zero(tilt: np.ndarray, near: int) -> float:
    """The exponent at which the tilt [e] is 0, between the neighbours of one."""
    here = slice(near - 1, near + 2)
    order = np.argsort(tilt[here])
    return float(np.interp(0, tilt[here][order], EXPONENTS[here][order]))


def _crossed(excess: np.ndarray, before: int) -> float:
    """The exponent at which the excess [e] passes 0, after one and before the next."""
    here, there = excess[before], excess[before + 1]
    return float(EXPONENTS[before] + (EXPONENTS[1] - EXPONENTS[0]) * here / (here - there))
