"""Rows of quants and prompts as tables: a row per quant, a column per prompt."""

from typing import NamedTuple

import numpy as np


class Strata(NamedTuple):
    """Which of n prompts are compared with one another, and which move together."""

    labels: np.ndarray  # [n] int: prompts of one label are compared
    unit: np.ndarray  # [n] int: items of one text

    def of(self, which: np.ndarray) -> "Strata":
        """Those of some prompts [n] bool."""
        return Strata(self.labels[which], self.unit[which])

    @property
    def sizes(self) -> np.ndarray:
        """How many prompts there are of each prompt's label, [n]."""
        return np.bincount(self.labels)[self.labels]

    def mean(self, values: np.ndarray) -> np.ndarray:
        """The mean of each prompt's label, [n]."""
        return np.bincount(self.labels, values)[self.labels] / self.sizes

    def texts(self, which: np.ndarray) -> int:
        """How many texts some prompts have."""
        return int(np.count_nonzero(np.bincount(self.unit[which])))


class Places(NamedTuple):
    """Where each row stands in a table of q things and n prompts."""

    names: list[str]  # [q]
    row: np.ndarray
    column: np.ndarray
    first: np.ndarray  # [n] one row of each prompt

    def table(self, values: np.ndarray) -> np.ndarray:
        """The values [q, n], NaN where there is no row."""
        found = np.full((len(self.names), len(self.first)), np.nan)
        found[self.row, self.column] = values
        return found

    def of_prompts(self, values: np.ndarray) -> np.ndarray:
        """What all rows of a prompt say, [n]: the first row's."""
        return values[self.first]


def places(names: np.ndarray, prompts: np.ndarray) -> Places:
    """Places of rows by the name of their thing and of their prompt; both in order."""
    kinds, row = np.unique(names.astype(str), return_inverse=True)
    _, first, column = np.unique(prompts.astype(str), return_index=True, return_inverse=True)
    return Places(kinds.tolist(), row, column, first)


def numbered(labels: np.ndarray) -> np.ndarray:
    """Each label's number, by its order, [n] int."""
    return np.unique(labels.astype(str), return_inverse=True)[1]


def alike(kinds: np.ndarray, confounders: list[np.ndarray], bins: int = 4) -> np.ndarray:
    """Labels [n] int of prompts alike: of one kind, and in one bin of every confounder [n].

    kinds: [n] int. Bins are equally full, within the kind; a missing value is a bin of its own.
    """
    labels = kinds
    for values in confounders:
        cut = np.full(len(kinds), bins)
        for kind in np.unique(kinds):
            here = (kinds == kind) & np.isfinite(values)
            if here.any():
                edges = np.quantile(values[here], np.arange(1, bins) / bins)
                cut[here] = np.searchsorted(edges, values[here])
        labels = np.unique(labels * (bins + 1) + cut, return_inverse=True)[1]
    return labels
