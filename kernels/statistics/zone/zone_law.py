"""One smooth law of the loss in mean KLD, through the reference, and the quants' scatter about it.

score less the reference's = floor / (1 + (half / KLD)^exponent), floor <= 0: nothing is lost where
nothing differs, and what can be lost has an end. KLD goes as the square of what was done to the
weights: with an exponent of 0.5 the loss goes as that itself, with 1 as its square. The law is
ours, not the paper's.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..draws import SMALLEST_VERDICT
from ..quants.scatter import fitted

BLOCK = 100  # rows refitted at once, so that temporaries stay in the cache
FLAT = 1e-5  # of the tangent's larger direction: what is smaller is no direction of its own


class Shapes(NamedTuple):
    """The exponents and halves that are tried first, every pair, and steps from the best of them.

    Without steps a law between two of them is called steeper than itself by 20,000 prompts.
    """

    exponents: np.ndarray
    halves: np.ndarray  # nats
    steps: int

    def curves(self, kld: np.ndarray) -> np.ndarray:
        """Each with a floor of 1 at kld [n]: [shapes, n]."""
        curves = _curve(kld, self.exponents[:, None, None], self.halves[:, None])
        return curves.reshape(-1, len(kld))


SHAPES = Shapes(np.linspace(0.5, 2, 13), np.geomspace(0.02, 200, 31), 6)


class Fitted(NamedTuple):
    """Laws of B rows of gains, [B] each."""

    exponent: np.ndarray
    half: np.ndarray  # nats
    floor: np.ndarray

    def values(self, kld: np.ndarray) -> np.ndarray:
        """The laws at kld [n]: [B, n]."""
        return self.floor[:, None] * _curve(kld, self.exponent[:, None], self.half[:, None])


class Law(NamedTuple):
    """The fitted law of n quants."""

    exponent: float
    half: float  # nats at which half of the floor is lost
    floor: float  # what is lost far away, a fraction, at most 0
    values: np.ndarray  # the law at each quant, [n]
    family: float  # variance of the scatter that a family shares
    own: float  # variance of each quant's own
    weights: np.ndarray  # of each quant in the fit, [n]; 0 for one that does not count


def fit(
    kld: np.ndarray,
    gains: np.ndarray,
    noise: np.ndarray,
    families: Sequence[object] | np.ndarray,
    largest_kld: float,
    shapes: Shapes = SHAPES,
) -> Law:
    """The law of gains (score less the reference's, fraction) in kld (nats), both [n].

    noise: covariance of the gains' errors, [n, n]; families: a label per quant. Quants beyond
    largest_kld, or at 0, do not count. The first fit weighs by the errors alone; the scatter is
    REML's about that law's tangent; the second fit weighs by both. Raises ValueError where fewer
    than SMALLEST_VERDICT quants count or none of them has an error.
    """
    inside = counts(kld, largest_kld)
    errors = noise.diagonal()
    if inside.sum() < SMALLEST_VERDICT or not (errors[inside] > 0).any():
        raise ValueError("too few quants, or none whose answers differ from the reference's")
    # a quant that never differed is not known without error
    errors = np.maximum(errors, errors[inside & (errors > 0)].min())
    first = fitted_laws(kld, inside / errors, gains[None], shapes)
    tangent = _tangent(kld[inside], float(first.exponent[0]), float(first.half[0]))
    residuals = (gains - first.values(kld)[0])[inside]
    labels = np.asarray(families)[inside]
    scatter = fitted(residuals, tangent, noise[np.ix_(inside, inside)], labels)
    weights = inside / (errors + scatter.family + scatter.own)
    found = fitted_laws(kld, weights, gains[None], shapes)
    exponent, half, floor = (float(each[0]) for each in found)
    return Law(exponent, half, floor, found.values(kld)[0], scatter.family, scatter.own, weights)


def counts(kld: np.ndarray, largest_kld: float) -> np.ndarray:
    """Which quants count in a law, [n] bool."""
    return (kld > 0) & (kld <= largest_kld)


def refitted(law: Law, kld: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """The laws of rows of gains [B, n] at kld [n], with the weights of one law's fit: [B, n]."""
    blocks = [gains[start : start + BLOCK] for start in range(0, len(gains), BLOCK)]
    return np.concatenate(
        [fitted_laws(kld, law.weights, block, SHAPES).values(kld) for block in blocks]
    )


def fitted_laws(kld: np.ndarray, weights: np.ndarray, gains: np.ndarray, shapes: Shapes) -> Fitted:
    """The laws that fit rows of gains [B, n] best: weighted least squares; kld, weights [n].

    The best of the shapes, then Levenberg and Marquardt's steps within their bounds.
    """
    curves = shapes.curves(kld)
    along = gains @ (weights * curves).T
    size = np.maximum(curves**2 @ weights, 1e-300)
    place = np.where(along < 0, along**2 / size, 0.0).argmax(1)
    exponent, half = np.divmod(place, len(shapes.halves))
    floor = np.minimum(along[np.arange(len(gains)), place] / size[place], 0)
    best = Fitted(shapes.exponents[exponent], shapes.halves[half], floor)
    damping = np.full(len(gains), 1e-3)
    left = _left(kld, weights, gains, best)
    for _ in range(shapes.steps):
        tried = _stepped(kld, weights, gains, best, damping)
        tried = tried._replace(
            exponent=np.clip(tried.exponent, *shapes.exponents[[0, -1]]),
            half=np.clip(tried.half, *shapes.halves[[0, -1]]),
        )
        now = _left(kld, weights, gains, tried)
        better = now < left
        best = Fitted(*(np.where(better, new, old) for new, old in zip(tried, best)))
        left = np.where(better, now, left)
        damping = np.where(better, damping / 10, damping * 10)
    return best


def _left(kld: np.ndarray, weights: np.ndarray, gains: np.ndarray, laws: Fitted) -> np.ndarray:
    """Weighted squares that laws leave of rows of gains [B, n]: [B]."""
    return (gains - laws.values(kld)) ** 2 @ weights


def _stepped(
    kld: np.ndarray, weights: np.ndarray, gains: np.ndarray, laws: Fitted, damping: np.ndarray
) -> Fitted:
    """One damped Gauss-Newton step of exponent, ln half and floor of every law."""
    exponent, half, floor = (each[:, None] for each in laws)
    curve = _curve(kld, exponent, half)
    bend = floor * curve * (1 - curve)
    distance = np.log(np.maximum(kld, 1e-300)) - np.log(half)
    slopes = np.stack([bend * distance, -bend * exponent, curve], 2)  # [B, n, 3]
    weighted = (slopes * weights[:, None]).swapaxes(1, 2)
    inner = weighted @ slopes
    residuals = gains - floor * curve
    scale = np.maximum(inner.diagonal(axis1=1, axis2=2), 1e-300)
    inner = inner + (damping[:, None] * scale)[:, :, None] * np.eye(3)
    step = np.linalg.solve(inner, weighted @ residuals[:, :, None])[:, :, 0]
    change = np.clip(step[:, :2], -1, 1)
    moved = laws.exponent + change[:, 0], laws.half * np.exp(change[:, 1])
    return Fitted(*moved, np.minimum(laws.floor + step[:, 2], 0))


def _curve(kld: np.ndarray, exponent: float | np.ndarray, half: float | np.ndarray) -> np.ndarray:
    """The law with a floor of 1 at kld [n], of exponents and halves that broadcast with it.

    0 where KLD is not above 0.
    """
    with np.errstate(divide="ignore", over="ignore"):
        return 1 / (1 + (half / np.maximum(kld, 0)) ** exponent)


def _tangent(kld: np.ndarray, exponent: float, half: float) -> np.ndarray:
    """Where the law can go from here: orthonormal columns [n, 1 or 2] of floor and ln half."""
    curve = _curve(kld, exponent, half)
    both = np.stack([curve, exponent * curve * (1 - curve)], 1)
    left, sizes, _ = np.linalg.svd(both / np.linalg.norm(both, axis=0), full_matrices=False)
    return left[:, sizes > FLAT * sizes[0]]
