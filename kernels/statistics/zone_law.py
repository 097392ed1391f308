"""One smooth law of the loss in mean KLD, through the reference, and the quants' scatter about it.

score less the reference's = floor / (1 + (half / KLD)^exponent), floor <= 0: nothing is lost where
nothing differs, and what can be lost has an end. KLD goes as the square of what was done to the
weights: with an exponent of 0.5 the loss goes as that itself, with 1 as its square. The law is
ours, not the paper's.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .draws import SMALLEST_VERDICT
from .scatter import fitted

BLOCK = 100  # rows refitted at once, so that temporaries stay in the cache
FLAT = 1e-5  # of the tangent's larger direction: what is smaller is no direction of its own


class Shapes(NamedTuple):
    """The exponents and halves that are tried, every pair of them."""

    exponents: np.ndarray
    halves: np.ndarray  # nats

    def curves(self, kld: np.ndarray) -> np.ndarray:
        """Each with a floor of 1 at kld [n]: [shapes, n]; 0 where KLD is not above 0."""
        return np.array([_curve(kld, b, half) for b in self.exponents for half in self.halves])

    def named(self, place: int) -> tuple[float, float]:
        """Exponent and half of a row of the curves."""
        exponent, half = divmod(int(place), len(self.halves))
        return float(self.exponents[exponent]), float(self.halves[half])


# with halves six times as far apart a law between two of them is called steeper than itself, where
# 20,000 prompts were asked
SHAPES = Shapes(np.linspace(0.5, 2, 25), np.geomspace(0.02, 200, 91))


class Law(NamedTuple):
    """The fitted law of n quants."""

    exponent: float
    half: float  # nats at which half of the floor is lost
    floor: float  # what is lost far away, a fraction, at most 0
    values: np.ndarray  # the law at each quant, [n]
    family: float  # variance of the scatter that a family shares
    own: float  # variance of each quant's own
    curves: np.ndarray  # every shape that was tried, at each quant, [shapes, n]
    weights: np.ndarray  # of each quant in the fit, [n]; 0 for one beyond the largest KLD


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
    curves = shapes.curves(kld)
    places, floors = _best(curves, inside / errors, gains[None])
    tangent = _tangent(kld[inside], *shapes.named(places[0]))
    residuals = (gains - floors[0] * curves[places[0]])[inside]
    labels = np.asarray(families)[inside]
    scatter = fitted(residuals, tangent, noise[np.ix_(inside, inside)], labels)
    weights = inside / (errors + scatter.family + scatter.own)
    places, floors = _best(curves, weights, gains[None])
    exponent, half = shapes.named(places[0])
    values = floors[0] * curves[places[0]]
    return Law(
        exponent, half, float(floors[0]), values, scatter.family, scatter.own, curves, weights
    )


def counts(kld: np.ndarray, largest_kld: float) -> np.ndarray:
    """Which quants count in a law, [n] bool."""
    return (kld > 0) & (kld <= largest_kld)


def refitted(law: Law, gains: np.ndarray) -> np.ndarray:
    """The laws of rows of gains [B, n], at each quant, with the weights of one law's fit."""
    found = np.empty_like(gains)
    for start in range(0, len(gains), BLOCK):
        block = slice(start, start + BLOCK)
        places, floors = _best(law.curves, law.weights, gains[block])
        found[block] = floors[:, None] * law.curves[places]
    return found


def _curve(kld: np.ndarray, exponent: float, half: float) -> np.ndarray:
    """The law with a floor of 1, [n]."""
    with np.errstate(divide="ignore"):
        return 1 / (1 + (half / np.maximum(kld, 0)) ** exponent)


def _best(
    curves: np.ndarray, weights: np.ndarray, gains: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Row of the curves [shapes, n] and floor (at most 0) that fit each row of gains [B, n] best.

    Weighted least squares; weights [n].
    """
    along = gains @ (weights * curves).T
    size = np.maximum(curves**2 @ weights, 1e-300)
    gained = np.where(along < 0, along**2 / size, 0.0)
    places = gained.argmax(1)
    floors = along[np.arange(len(gains)), places] / size[places]
    return places, np.minimum(floors, 0.0)


def _tangent(kld: np.ndarray, exponent: float, half: float) -> np.ndarray:
    """Where the law can go from here: orthonormal columns [n, 1 or 2] of floor and ln half."""
    curve = _curve(kld, exponent, half)
    both = np.stack([curve, exponent * curve * (1 - curve)], 1)
    left, sizes, _ = np.linalg.svd(both / np.linalg.norm(both, axis=0), full_matrices=False)
    return left[:, sizes > FLAT * sizes[0]]
