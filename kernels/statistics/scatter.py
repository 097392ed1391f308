"""Scatter between quants beside known noise: y = X b + e, Var e = C + family Z + own I, by REML.

C is what shared prompts add to the scores' errors; Z holds 1 for two quants of one family. Nothing
is said here of what a slope means.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RIDGE = 1e-12  # of y's variance: quants whose answers never differ from the reference's
LARGEST = 50.0  # of y's variance: no component of the scatter is sought beyond it
START = (0.0, 0.1, 0.5, 1.5)  # the same: where the search begins, in each component
DEGREES = (1.0, 1_000.0)  # of freedom, held within these


class Fit(NamedTuple):
    """The fitted scatter of n quants, and the coefficients of a design of k columns under it."""

    family: float  # variance between families; 0 where there is one family, or all are alone
    own: float  # variance of each quant of its own
    variance: np.ndarray  # V [n, n], all of y's errors
    inverse: np.ndarray  # of V [n, n]
    coefficients: np.ndarray  # b [k]
    covariance: np.ndarray  # of b [k, k]
    kinds: list[np.ndarray]  # I, then Z unless there is none: [n, n] each


class Slope(NamedTuple):
    """How y changes with x, generalized least squares under the fitted scatter."""

    slope: float
    error: float  # standard error of the slope
    t: float
    df: float  # Satterthwaite's
    p: float  # two-sided
    fit: Fit


def numbered(labels: Sequence[object] | np.ndarray) -> np.ndarray:
    """Families as numbers from 0 on: [n] int."""
    return np.unique(np.asarray(labels).astype(str), return_inverse=True)[1]


def divides(labels: Sequence[object] | np.ndarray) -> bool:
    """Whether the labels make more than one family, and at least one of two quants."""
    return 1 < len(np.unique(numbered(labels))) < len(labels)


def fitted(
    y: np.ndarray, design: np.ndarray, noise: np.ndarray, labels: Sequence[object] | np.ndarray
) -> Fit:
    """REML of y [n] on a design [n, k], with noise C [n, n] known and a family's label per quant.

    Raises numpy.linalg.LinAlgError where nothing varies: y constant and a quant without noise.
    """
    from scipy import optimize

    unit = float(y.var()) or float(noise.trace()) / len(y)
    known = noise + RIDGE * unit * np.eye(len(y))
    kinds = [np.eye(len(y))]
    if divides(labels):
        family = numbered(labels)
        kinds.append(1.0 * (family[:, None] == family))

    def loss(shares: np.ndarray) -> tuple[float, np.ndarray]:
        return _loss(known + unit * np.tensordot(shares, kinds, 1), y, design, unit, kinds)

    starts = np.array(list(itertools.product(START, repeat=len(kinds))))
    first = min(starts, key=lambda shares: loss(shares)[0])
    bounds = [(0, LARGEST)] * len(kinds)
    options = {"ftol": 1e-13, "gtol": 1e-9}
    shares = optimize.minimize(
        loss, first, method="L-BFGS-B", jac=True, bounds=bounds, options=options
    ).x
    variance = known + unit * np.tensordot(shares, kinds, 1)
    inverse = np.linalg.inv(variance)
    covariance = np.linalg.inv(design.T @ inverse @ design)
    coefficients = covariance @ design.T @ inverse @ y
    own, *family_share = (unit * shares).tolist()
    return Fit(sum(family_share), own, variance, inverse, coefficients, covariance, kinds)


def slope(
    x: np.ndarray, y: np.ndarray, noise: np.ndarray, labels: Sequence[object] | np.ndarray
) -> Slope:
    """Slope of y [n] on x [n]: its t on Satterthwaite's degrees of freedom.

    Those may pass n - 2, since the noise C [n, n] is known.
    """
    from scipy import stats

    design = np.stack([np.ones(len(y)), x - x.mean()], 1)
    fit = fitted(y, design, noise, labels)
    phi = fit.covariance
    weights = fit.inverse @ design
    projection = fit.inverse - weights @ phi @ weights.T
    u = weights @ phi[:, 1]
    change = np.array([u @ kind @ u for kind in fit.kinds])
    products = [projection @ kind for kind in fit.kinds]
    information = np.array([[(a * b.T).sum() for a in products] for b in products]) / 2
    spread = change @ np.linalg.pinv(information) @ change
    df = float(np.clip(2 * phi[1, 1] ** 2 / max(spread, 1e-300), *DEGREES))
    error = math.sqrt(phi[1, 1])
    t = float(fit.coefficients[1]) / error
    return Slope(float(fit.coefficients[1]), error, t, df, float(2 * stats.t.sf(abs(t), df)), fit)


def _loss(
    variance: np.ndarray,
    y: np.ndarray,
    design: np.ndarray,
    unit: float,
    kinds: list[np.ndarray],
) -> tuple[float, np.ndarray]:
    """Twice the negative restricted log-likelihood, and its gradient in the shares of unit."""
    inverse = np.linalg.inv(variance)
    weights = inverse @ design
    inner = design.T @ weights
    projection = inverse - weights @ np.linalg.solve(inner, weights.T)
    residual = projection @ y
    value = np.linalg.slogdet(variance)[1] + np.linalg.slogdet(inner)[1] + y @ residual
    gradient = [(projection * kind).sum() - residual @ kind @ residual for kind in kinds]
    return float(value), unit * np.array(gradient)
