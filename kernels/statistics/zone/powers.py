"""Volume, spread and net loss of quants' scores, and the power law of KLD that each follows."""

from typing import TypeAlias

import numpy as np

from ..answers import Sheet
from ..left_out import families, groups
from ..quants.scatter import numbered
from ..scores.composites import by_benchmark
from .power_laws import Law, Sides, centred, log_linear, positive, signed

QUANTITIES = VOLUME, SPREAD, NET = "volume", "spread", "net_loss"
Labels: TypeAlias = dict[str, list[str]]  # labelling -> a family per quant


def laws(known: Sheet, kld: np.ndarray, labels: Labels, seed: int) -> dict[str, dict[str, Law]]:
    """Quantity -> labelling -> law, of a sheet without gaps whose quants have KLD [q] above 0.

    A labelling of too few families has a law without an interval.
    """
    whole, without = figures(known, seed)
    weights = [relative_weights(kld, whole[k], without[:, k]) for k in range(2)]
    # what prompts do to a net loss goes as the spread; as a law of it, not as it happened to be
    x = centred(kld)
    weights.append(np.exp(-2 * log_linear(x, whole[1], weights[1])[1] * x))
    found: dict[str, dict[str, Law]] = {quantity: {} for quantity in QUANTITIES}
    for labelling, of in labels.items():
        stays = families(of)
        alone = ~np.eye(len(kld), dtype=bool)
        for k, quantity in enumerate(QUANTITIES):
            fit = signed if quantity == NET else positive
            sides = Sides(without[:, k], alone if stays is None else stays, numbered(of))
            if stays is None:
                sides = sides._replace(family=np.arange(len(kld)))
            law = fit(kld, whole[k], weights[k], sides)
            if stays is None:
                law = law._replace(low=np.nan, high=np.nan, error=np.nan)
            found[quantity][labelling] = law
    return found


def figures(known: Sheet, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Volume, spread and net loss [3, q], and without each group of texts [G, 3, q].

    The spread is the standard deviation of a prompt's change within its benchmark.
    """
    parts = by_benchmark(known.gains, known.prompts, known.weights)
    group = groups([part.unit for part in parts], seed)
    kinds = 1 + max(int(each.max()) for each in group)
    found = np.zeros((1 + kinds, 3, len(known.quants)))
    for (share, gains, _), of in zip(parts, group):
        inside = (of == np.arange(kinds)[:, None]).astype(float)
        left = inside @ np.stack([np.abs(gains), gains**2, gains])  # [3, G, q]
        total = left.sum(1, keepdims=True)
        sizes = len(gains) - np.concatenate([[0], inside.sum(1)])
        volume, square, mean = np.concatenate([total, total - left], 1) / sizes[:, None]
        found += share * np.stack([volume, square - mean**2, -mean], 1)
    found[:, 1] = np.sqrt(found[:, 1].clip(0))
    return found[0], found[1:]


def relative_weights(kld: np.ndarray, y: np.ndarray, without: np.ndarray) -> np.ndarray:
    """1 / variance of relative residuals [q] of figures y [q]: what prompts do, and the scatter.

    Both by laws of their own: a figure that came out small by luck is not trusted more for it.
    without: y without each group of texts, [G, q].
    """
    x = centred(kld)
    even = np.ones_like(y)
    level, exponent = log_linear(x, y, even)
    law = np.exp(level + exponent * x)
    moved = ((without - y) ** 2).sum(0) * (1 - 1 / len(without)) / law**2
    level, exponent = log_linear(x, moved, even)
    of_prompts = np.exp(level + exponent * x) if np.isfinite(level) else np.zeros_like(y)
    scatter = ((y / law - 1) ** 2).sum() / (len(y) - 2) - of_prompts.mean()
    return 1 / np.maximum(of_prompts + max(scatter, 0.0), 1e-9)
