"""What other families of quants and other prompts would make of a figure, by leaving some out.

A figure changes with the quants and with the prompts that happen to be there. Families are left
out one by one, which holds what prompts change in each family on its own; prompts are left out a
group at a time for what they change in several families at once.
"""

from typing import NamedTuple

import numpy as np

from .intervals import ALPHA
from .quants.families import Families
from .quants.scatter import numbered
from .texts import count

GROUPS = 20  # of texts, each left out once
DECLARED = "declared"  # the labelling without which nothing is said beyond these quants
FEWEST_FAMILIES = 3  # of two, one left out says next to nothing


class Spread(NamedTuple):
    """Of m figures: how far they would lie elsewhere, and how well that is known."""

    covariance: np.ndarray  # [m, m]
    df: np.ndarray  # degrees of freedom, [m]

    @property
    def error(self) -> np.ndarray:
        """Standard errors [m]."""
        return np.sqrt(self.covariance.diagonal())

    @property
    def half(self) -> np.ndarray:
        """Half of a 95 % interval, [m]."""
        from scipy.stats import t

        return t.ppf(1 - ALPHA / 2, self.df) * self.error

    @property
    def alike(self) -> np.ndarray:
        """Correlations [m, m]; 0 beside one that does not vary."""
        size = np.outer(self.error, self.error)
        return np.where(size > 0, self.covariance / np.where(size > 0, size, 1), 0.0)

    def of(self, contrasts: np.ndarray) -> "Spread":
        """Of k sums of the figures; contrasts: [k, m]. Their df are the least of their parts'."""
        used = np.where(contrasts != 0, self.df, np.inf)
        return Spread(contrasts @ self.covariance @ contrasts.T, used.min(1))


class Left(NamedTuple):
    """m figures, and what they are without some of what they are made of."""

    figures: np.ndarray  # [m]
    by_family: np.ndarray  # the figures without each family, [F, m]
    moved: np.ndarray  # what leaving out each group of texts changes by each quant, [G, m, q]
    family: np.ndarray  # number of each quant's family, [q]


def spread(left: Left) -> Spread:
    """How far all the figures would lie elsewhere, together.

    The jackknife over families holds what prompts change in each family on its own; what they
    change in several families at once comes on top. Degrees of freedom by Welch and Satterthwaite.
    """
    apart, moved, inside = _parts(left)
    own = (len(apart) - 1) / len(apart) * apart.T @ apart
    alone = np.einsum("gmf,gnf->mn", inside, inside)
    level, turned = np.linalg.eigh((moved.T @ moved - alone) * (len(moved) - 1) / len(moved))
    shared = (turned * level.clip(0)) @ turned.T
    return Spread(own + shared, _df(own.diagonal(), shared.diagonal(), left))


def errors(left: Left) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors [m] and degrees of freedom [m], figure by figure: many of them are quick."""
    apart, moved, inside = _parts(left)
    own = (len(apart) - 1) / len(apart) * (apart**2).sum(0)
    shared = ((moved**2).sum(0) - (inside**2).sum((0, 2))) * (len(moved) - 1) / len(moved)
    return np.sqrt(own + shared.clip(0)), _df(own, shared.clip(0), left)


def _parts(left: Left) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Without a family [F, m]; without a group of texts [G, m], and by family [G, m, F]."""
    inside = left.moved @ (left.family[:, None] == np.arange(left.family.max() + 1))
    return left.by_family - left.figures, inside.sum(2), inside


def _df(own: np.ndarray, shared: np.ndarray, left: Left) -> np.ndarray:
    """Degrees of freedom [m] of two variances [m] that add up."""
    families, texts = len(left.by_family) - 1, len(left.moved) - 1
    squares = own**2 / families + shared**2 / texts
    known = np.where(squares > 0, squares, 1)
    return np.where(squares > 0, (own + shared) ** 2 / known, families)


def groups(units: list[np.ndarray], seed: int) -> list[np.ndarray]:
    """The group of each item, [n] of every benchmark: texts are dealt in a random order.

    units: of every benchmark the number of each item's text, [n].
    """
    rng = np.random.default_rng((seed, 7))
    dealt, start = [], 0
    most = min(GROUPS, sum(count(unit) for unit in units))
    for unit in units:
        texts = count(unit)
        number = np.empty(texts, int)
        number[rng.permutation(texts)] = (start + np.arange(texts)) % most
        start += texts
        dealt.append(number[unit])
    return dealt


def labels_of(families: Families) -> dict[str, dict[str, str]]:
    """labelling -> quant -> family; one without one stands alone, whatever others are called."""
    labels: dict[str, dict[str, str]] = {}
    for labelling, quant, family in zip(*families):
        labels.setdefault(labelling, {})[quant] = f"quant {quant}" if family is None else family
    return labels


def own_families(labels: dict[str, dict[str, str]], quants: list[str]) -> dict[str, list[str]]:
    """labelling -> a family per quant, also of those that it does not name."""
    return {name: [of.get(q, f"quant {q}") for q in quants] for name, of in labels.items()}


def few_families(labelling: str, count: int) -> str:
    """Why there is no interval for other families."""
    return f"families ({labelling}): {count} of {FEWEST_FAMILIES} that an interval needs"


def families(labels: list[str]) -> np.ndarray | None:
    """Which of n quants stay when each family is left out, [F, n] bool; None of too few families.

    labels: a family per quant.
    """
    family = numbered(labels)
    if family.max(initial=-1) + 1 < FEWEST_FAMILIES:
        return None
    return np.arange(family.max() + 1)[:, None] != family
