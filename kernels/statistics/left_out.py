"""What other families of quants and other prompts would make of a figure, by leaving some out.

A figure changes with the quants and with the prompts that happen to be there. Families are left
out one by one, which holds what prompts change in each family on its own; prompts are left out a
group at a time for what they change in several families at once.
"""

from typing import NamedTuple

import numpy as np

from .intervals import ALPHA
from .quants.scatter import numbered
from .texts import count

GROUPS = 20  # of texts, each left out once
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


def spread(
    whole: np.ndarray, by_family: np.ndarray, by_group: np.ndarray, family: np.ndarray
) -> Spread:
    """Of figures that are sums over quants, whole [m, q].

    by_family: the figures without each family, [F, m]; by_group: what each quant adds without each
    group of texts, [G, m, q]; family: [q] numbers. Families' jackknife holds what prompts change in
    each family on its own; what they change in several at once comes on top. Degrees of freedom by
    Welch and Satterthwaite.
    """
    apart = by_family - whole.sum(1)
    own = (len(apart) - 1) / len(apart) * apart.T @ apart
    inside = (by_group - whole) @ (family[:, None] == np.arange(family.max() + 1))  # [G, m, F]
    moved = inside.sum(2)
    alone = np.einsum("gmf,gnf->mn", inside, inside)
    level, turned = np.linalg.eigh((moved.T @ moved - alone) * (len(moved) - 1) / len(moved))
    shared = (turned * level.clip(0)) @ turned.T
    variances = np.stack([own.diagonal(), shared.diagonal()])
    squares = (variances**2 / [[len(apart) - 1], [len(moved) - 1]]).sum(0)
    df = variances.sum(0) ** 2 / np.where(squares > 0, squares, np.inf)
    return Spread(own + shared, np.where(squares > 0, df, len(apart) - 1))


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


def families(labels: list[str]) -> np.ndarray | None:
    """Which of n quants stay when each family is left out, [F, n] bool; None of too few families.

    labels: a family per quant.
    """
    family = numbered(labels)
    if family.max(initial=-1) + 1 < FEWEST_FAMILIES:
        return None
    return np.arange(family.max() + 1)[:, None] != family
