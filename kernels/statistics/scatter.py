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
LARGEST = 50.0  # of the variance off the design: no component is sought beyond it
START = (0.0, 0.02, 0.2, 0.5, 1.5)  # the same: where the search begins, in each component
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

    known = noise + RIDGE * (float(y.var()) or float(noise.trace()) / len(y)) * np.eye(len(y))
    off = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    unit = float(off @ off) / len(y) or float(known.trace()) / len(y)
    kinds = [np.eye(len(y))]
    if divides(labels):
        family = numbered(labels)
        kinds.append(1.0 * (family[:, None] == family))

    def variance(shares: np.ndarray) -> np.ndarray:
        total = known + unit * shares[0] * kinds[0]
        return total + unit * shares[1] * kinds[1] if len(kinds) > 1 else total

    def loss(shares: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _loss(variance(shares), y, design, kinds)
        return value, unit * gradient

    starts = np.array(list(itertools.product(START, repeat=len(kinds))))
    shares = optimize.minimize(
        loss, min(starts, key=lambda shares: loss(shares)[0]), method="L-BFGS-B", jac=True,
        bounds=[(0, LARGEST)] * len(kinds), options={"ftol": 1e-13, "gtol": 1e-9},
    ).x  # fmt: skip
    total = variance(shares)
    inverse = _inverse(total)[0]
    covariance = np.linalg.inv(design.T @ inverse @ design)
    coefficients = covariance @ design.T @ inverse @ y
    own, *family_share = (unit * shares).tolist()
    return Fit(sum(family_share), own, total, inverse, coefficients, covariance, kinds)


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
    variance: np.ndarray, y: np.ndarray, design: np.ndarray, kinds: list[np.ndarray]
) -> tuple[float, np.ndarray]:
    """Twice the negative restricted log-likelihood, and its gradient in the components."""
    inverse, log_determinant = _inverse(variance)
    weights = inverse @ design
    inner, inner_log = _inverse(design.T @ weights)
    projection = inverse - weights @ inner @ weights.T
    residual = projection @ y
    gradient = [np.vdot(projection, kind) - residual @ kind @ residual for kind in kinds]
    return float(log_determinant + inner_log + y @ residual), np.array(gradient)


def _inverse(matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """A positive definite matrix's inverse and the logarithm of its determinant.

    Raises numpy.linalg.LinAlgError for another one. LAPACK itself: the search asks for it often.
    """
    from scipy.linalg.lapack import dpotrf, dpotri

    lower, failed = dpotrf(matrix, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("nothing varies")
    half = dpotri(lower, lower=1)[0]
    half = np.tril(half)
    return half + np.tril(half, -1).T, 2 * float(np.log(lower.diagonal()).sum())
