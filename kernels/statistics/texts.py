"""Prompts that ask one text more than once: its items are one unit in every draw and every error.

A score is a mean over items; what it could have been with other prompts is a matter of texts. Where
a formula wants independent prompts it is given their effective number: items / design effect.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from .draws import draws

Labels: TypeAlias = Sequence[object] | np.ndarray


class Prompts(NamedTuple):
    """The labels of n items."""

    groups: Labels  # [n] benchmark, or kind of task
    texts: Labels | None = None  # [n] equal where the same text was asked; None: all differ


def prompts(labels: "Labels | Prompts") -> Prompts:
    """Groups alone are those of n different texts."""
    return labels if isinstance(labels, Prompts) else Prompts(labels)


def units(texts: Labels | None, n: int = 0) -> np.ndarray:
    """The number of each item's text, by first appearance: [n] int; None: all n differ."""
    if texts is None:
        return np.arange(n)
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts], int)


def count(unit: np.ndarray) -> int:
    """How many texts there are."""
    return int(unit.max(initial=-1)) + 1


def item_draws(unit: np.ndarray, times: int, seed: int) -> Iterator[tuple[slice, np.ndarray]]:
    """`draws` of texts, as how often each of their items is drawn: (slice, [slice's length, n])."""
    for block, drawn in draws(count(unit), times, seed):
        yield block, drawn if count(unit) == len(unit) else drawn[:, unit]


def mean_variance(values: np.ndarray, unit: np.ndarray) -> float:
    """Variance of the mean of values [n], texts drawn anew; NaN for one text."""
    n, texts = len(values), count(unit)
    if texts < 2:
        return float("nan")
    residuals = np.bincount(unit, values - values.mean())
    return float(texts / (texts - 1) * (residuals**2).sum() / n**2)


def design_effect(values: np.ndarray, unit: np.ndarray) -> float:
    """How many items count as one: variance of the mean by texts over that by items, at least 1.

    values: [n], of the figure whose mean is taken. Where all are equal, or there is one text, the
    items of a text count as one (Kish: sum of squared sizes over n). SQL's fct_disagreements says
    the same.
    """
    sizes = np.bincount(unit)
    if len(sizes) == len(values):
        return 1.0
    residuals = values - values.mean()
    alone = (residuals**2).sum()
    together = (np.bincount(unit, residuals) ** 2).sum()
    if alone <= 1e-12 or len(sizes) < 2:
        return float((sizes**2).sum() / sizes.sum())
    return max(1.0, round(float(together / alone), 12))
