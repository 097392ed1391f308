"""Scatter between quants beside known noise: y = X b + e, Var e = C + family Z + own I, by REML.

C is what shared prompts add to the scores' errors; Z holds 1 for two quants of one family. Nothing
is said here of what a slope means.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RIDGE = 1e-12  # of y's variance: quants whose answers never differ from the reference's
START = (0.0, 0.02, 0.2, 0.5, 1.5)  # of the variance off the design: where the search begins
STEPS, HALVINGS = 60, 12  # of Newton's method, and of each step while it does not descend
DESCENT = 1e-11  # of twice the log-likelihood: less is none
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
    return fits(y, design[None], noise, labels)[0]


def fits(
    y: np.ndarray, designs: np.ndarray, noise: np.ndarray, labels: Sequence[object] | np.ndarray
) -> list[Fit]:
    """`fitted` for each of m designs [m, n, k]: Newton's method for all of them at once.

    It is written out because a search that calls SciPy's LAPACK takes threads for the smallest
    matrix, and then mostly waits for them.
    """
    n = len(y)
    known = noise + RIDGE * (float(y.var()) or float(noise.trace()) / n) * np.eye(n)
    kinds = np.eye(n)[None]
    if divides(labels):
        family = numbered(labels)
        kinds = np.stack([kinds[0], family[:, None] == family])
    components = _start(y, designs, known, kinds)
    value, gradient, curvature = _slopes_of_loss(components, y, designs, known, kinds)
    moving = np.ones(len(designs), bool)
    for _ in range(STEPS):
        step = _newton(components, gradient, curvature)
        moving &= -(gradient * step).sum(1) > DESCENT
        moved = np.zeros(len(designs), bool)
        for halving in range(HALVINGS):
            open_ = np.flatnonzero(moving & ~moved)
            if not len(open_):
                break
            tried = np.maximum(components[open_] + step[open_] / 2**halving, 0)
            found = _slopes_of_loss(tried, y, designs[open_], known, kinds)
            lower = found[0] < value[open_] - DESCENT
            taken = open_[lower]
            components[taken], moved[taken] = tried[lower], True
            for whole, part in zip((value, gradient, curvature), found):
                whole[taken] = part[lower]
        moving &= moved
        if not moving.any():
            break
    return [_fit(y, design, known, kinds, row) for design, row in zip(designs, components.tolist())]


def slope(
    x: np.ndarray, y: np.ndarray, noise: np.ndarray, labels: Sequence[object] | np.ndarray
) -> Slope:
    """Slope of y [n] on x [n]: its t on Satterthwaite's degrees of freedom.

    Those may pass n - 2, since the noise C [n, n] is known.
    """
    return slopes(x[None], y, noise, labels)[0]


def slopes(
    x: np.ndarray, y: np.ndarray, noise: np.ndarray, labels: Sequence[object] | np.ndarray
) -> list[Slope]:
    """`slope` for each row of x [m, n]."""
    if not len(x):
        return []
    designs = np.stack([np.ones_like(x), x - x.mean(1, keepdims=True)], 2)
    return [_slope(fit, each) for fit, each in zip(fits(y, designs, noise, labels), designs)]


def _slope(fit: Fit, design: np.ndarray) -> Slope:
    """The second coefficient of a fit with its t and degrees of freedom."""
    from scipy import stats

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


def _fit(
    y: np.ndarray, design: np.ndarray, known: np.ndarray, kinds: np.ndarray, row: list[float]
) -> Fit:
    """The fit at these components."""
    total = known + np.tensordot(row, kinds, 1)
    inverse = np.linalg.inv(total)
    covariance = np.linalg.inv(design.T @ inverse @ design)
    own, *between = row
    return Fit(
        sum(between), own, total, inverse, covariance @ design.T @ inverse @ y, covariance,
        list(kinds),
    )  # fmt: skip


def _start(y: np.ndarray, designs: np.ndarray, known: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """The best components [m, kinds] of a grid, which all designs share."""
    units = []
    for design in designs:
        off = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        units.append(float(off @ off) / len(y))
    top = max(*units, float(known.trace()) / len(y) * RIDGE)
    levels = {share * unit for share in START for unit in (top, min(units) or top)}
    axes = np.meshgrid(*[sorted(levels)] * len(kinds), indexing="ij")
    grid = np.stack([axis.ravel() for axis in axes], 1)
    inverse, log_determinant = _inverses(known + np.tensordot(grid, kinds, 1))
    losses = []
    for design in designs:
        weights = inverse @ design
        inner = design.T @ weights
        right = weights.transpose(0, 2, 1) @ y
        explained = (right * np.linalg.solve(inner, right[:, :, None])[:, :, 0]).sum(1)
        losses.append(log_determinant + np.linalg.slogdet(inner)[1] + (inverse @ y) @ y - explained)
    return grid[np.argmin(losses, 1)]


def _slopes_of_loss(
    components: np.ndarray,
    y: np.ndarray,
    designs: np.ndarray,
    known: np.ndarray,
    kinds: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Twice the negative restricted log-likelihood [m], its gradient and average curvature."""
    inverse, log_determinant = _inverses(known + np.tensordot(components, kinds, 1))
    weights = inverse @ designs
    turned = weights.transpose(0, 2, 1)
    inner = designs.transpose(0, 2, 1) @ weights
    projection = inverse - weights @ np.linalg.solve(inner, turned)
    residual = projection @ y  # [m, n]
    value = log_determinant + np.linalg.slogdet(inner)[1] + residual @ y
    pulled = np.einsum("kij,mj->mki", kinds, residual)
    gradient = np.einsum("mij,kij->mk", projection, kinds) - np.einsum(
        "mki,mi->mk", pulled, residual
    )
    curvature = np.einsum("mki,mij,mlj->mkl", pulled, projection, pulled)
    return value, gradient, curvature


def _newton(components: np.ndarray, gradient: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """Newton's step [m, kinds]; a component that is 0 and would go below stays."""
    step = np.zeros_like(components)
    for k, (row, down, bent) in enumerate(zip(components, -gradient, curvature)):
        free = np.flatnonzero((row > 0) | (down > 0))
        if len(free):
            inside = bent[np.ix_(free, free)]
            step[k, free] = np.linalg.pinv(inside, hermitian=True) @ down[free]
    return step


def _inverses(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverses of positive definite matrices [m, n, n], and logarithms of their determinants.

    Raises numpy.linalg.LinAlgError for another one.
    """
    lower = np.linalg.cholesky(matrices)
    logs = np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(1)
    return np.linalg.inv(matrices), 2 * logs
