"""What gains show, m rows at once: those of right and wrong answers are counted, others measured.

Counted: score tests over leapfrogs and drops, and tossed signs. Measured: fractions, whose few
large gains neither counts nor signs do justice to (fractions.py). Which of both it is, is decided
here alone.
"""

from typing import NamedTuple, TypeAlias

import numpy as np

from ..answers import Sheet
from ..texts import units
from ..tosses import scales, text_sums, tossed, two_sided_p
from . import fractions, stratified
from .composites import weighted


class Counted(NamedTuple):
    """Gains of -1, 0 and 1."""

    part: stratified.Tables
    gains: np.ndarray  # weighted, [m, n]
    unit: np.ndarray  # [n] number of each item's text

    @property
    def difference(self) -> np.ndarray:
        """Weighted sum of gains, [m]."""
        return self.gains.sum(1)

    @property
    def volume(self) -> np.ndarray:
        """Weighted mean size of gains, [m]."""
        return (self.part.weight * self.part.volume).sum(1)

    @property
    def error(self) -> np.ndarray:
        """Standard deviation of the tossed sum, [m]."""
        return scales(text_sums(self.gains, self.unit))

    def rows(self, chosen: np.ndarray) -> "Counted":
        """Some of the rows."""
        tables = stratified.Tables(*(column[chosen] for column in self.part))
        return Counted(tables, self.gains[chosen], self.unit)

    def drawn(self, times: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """(z [m], null [times, m]) by tossed signs."""
        return tossed(self.gains, self.unit, times, seed)

    def different(self, z: np.ndarray, null: np.ndarray) -> np.ndarray:
        """p [m] that the sum is not 0, two-sided."""
        return two_sided_p(z, null)

    def not_inferior(self, margin: float) -> np.ndarray:
        """p [m] that the sum lies above -margin, one-sided."""
        return stratified.not_inferior(self.part, margin)

    def equivalent(self, margin: float) -> np.ndarray:
        """p [m] that the sum lies within +-margin."""
        return stratified.equivalent(self.part, margin)

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """95 % interval of the sum: (low [m], high [m])."""
        return stratified.interval(self.part)

    def least_margin(self, z: float) -> np.ndarray:
        """The smallest margin [m] at which not_inferior's z exceeds this one."""
        return stratified.least_margin(self.part, z)


class Measured(NamedTuple):
    """Gains of any size within -1 to 1."""

    part: fractions.Moments
    undone: int | np.ndarray = fractions.GAINS  # as in fractions.told

    @property
    def difference(self) -> np.ndarray:
        """Weighted sum of gains, [m]."""
        return self.part.difference

    @property
    def volume(self) -> np.ndarray:
        """Weighted mean size of gains, [m]."""
        return self.part.volume

    @property
    def error(self) -> np.ndarray:
        """Standard error of the sum, [m]."""
        return self.part.error

    def rows(self, chosen: np.ndarray) -> "Measured":
        """Some of the rows."""
        undone = np.broadcast_to(self.undone, self.difference.shape)[chosen]
        return Measured(fractions.Moments(*(column[chosen] for column in self.part)), undone)

    def drawn(self, times: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """(z [m], null [times, m]): the normal z of `different`, and joint draws of it."""
        from scipy.stats import norm

        null = fractions.draws(self.part, times, seed)
        return np.sign(self.difference) * norm.isf(fractions.told(self.part, self.undone) / 2), null

    def different(self, z: np.ndarray, null: np.ndarray) -> np.ndarray:
        """p [m] that the sum is not 0, two-sided."""
        return fractions.told(self.part, self.undone)

    def not_inferior(self, margin: float) -> np.ndarray:
        """p [m] that the sum lies above -margin, one-sided."""
        return fractions.not_inferior(self.part, margin)

    def equivalent(self, margin: float) -> np.ndarray:
        """p [m] that the sum lies within +-margin."""
        return fractions.equivalent(self.part, margin)

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """95 % interval of the sum: (low [m], high [m])."""
        low, high = fractions.interval(self.part)
        return np.maximum(low, -1.0), np.minimum(high, 1.0)

    def least_margin(self, z: float) -> np.ndarray:
        """The smallest margin [m] at which not_inferior's z exceeds this one."""
        return fractions.least_margin(self.part, z)


Evidence: TypeAlias = Counted | Measured


def evidence(
    gains: np.ndarray, found: Sheet, undone: int | np.ndarray = fractions.GAINS
) -> Evidence:
    """What gains [m, n] show, NaN where one side did not answer; found: prompts and weights.

    undone: which differences of fractions unseen losses would undo, as in fractions.told.
    """
    if are_whole(gains):
        unit = units(found.prompts.texts, gains.shape[1])
        return Counted(stratified.tables(gains, found), weighted(gains, found), unit)
    return Measured(fractions.moments(gains, found), undone)


def are_whole(gains: np.ndarray) -> bool:
    """Whether gains are those of right and wrong answers: whole numbers, all of them."""
    known = gains[np.isfinite(gains)]
    return bool((known == np.round(known)).all())
