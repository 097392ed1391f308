"""Multiple choice by log-likelihood: each choice as a model found it, and what speaks against it.

A tool's own grades of an item are held against the likelihoods that are read. Where they part, the
likelihoods, the order of the choices or the right one were not understood, so that none is taken:
to leave out single items would select by the outcome.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

ONE = "it has one choice"
SHARE_SLACK = 1e-3  # what a tool's share may be off by where it computes with fewer digits


class Option(NamedTuple):
    """One choice of an item.

    loglikelihood: nats; -inf: the model gave it no probability; NaN: it is not known.
    """

    loglikelihood: float
    length: int | None  # what the tool divides it by where it normalises; None: not known
    is_right: bool


class Grades(NamedTuple):
    """A tool's own grades of an item; None: it gives none.

    1 where the largest figure is a right choice's, 0 where it is a wrong one's; of plain
    likelihoods anything between is the right choices' share of the probability.
    """

    plain: float | None = None  # by the log-likelihoods
    normalised: float | None = None  # by those over the lengths


@dataclass
class Doubts:
    """What speaks against the choices of a benchmark, final after its last row."""

    left_out: Counter[str] = field(default_factory=Counter)  # reason -> items without choices
    likelihoods: str | None = None  # an item whose plain grade contradicts them: take none
    lengths: str | None = None  # an item whose normalised grade does: take no length

    def reasons(self, some: bool) -> dict[str, int]:
        """left_out; where no item has choices a single one is no multiple choice."""
        return {reason: n for reason, n in self.left_out.items() if some or reason != ONE}


def taken(options: list[Option], grades: Grades, item: str, doubts: Doubts) -> tuple[Option, ...]:
    """An item's choices, or none and the reason in doubts."""
    reason = _why_none(options)
    if reason:
        doubts.left_out[reason] += 1
        return ()
    plain = [option.loglikelihood for option in options]
    if doubts.likelihoods is None and _contradicts(options, plain, grades.plain):
        doubts.likelihoods = item
    over = [option.loglikelihood / option.length for option in options if option.length]
    whole = len(over) == len(options) and grades.normalised in (0, 1)
    if doubts.lengths is None and whole and _contradicts(options, over, grades.normalised):
        doubts.lengths = item
    return tuple(options)


def _why_none(options: list[Option]) -> str | None:
    """Why no probability of the right choice follows from these."""
    if len(options) < 2:
        return ONE
    likelihoods = [option.loglikelihood for option in options]
    if any(math.isnan(each) or each == math.inf for each in likelihoods):
        return "the log-likelihood of a choice is missing or no number"
    if max(likelihoods) == -math.inf:
        return "no choice has any probability"
    if not any(option.is_right for option in options):
        return "nothing says which choice is right"
    return None


def _contradicts(options: list[Option], figures: list[float], grade: float | None) -> bool:
    """Whether a grade cannot be that of these figures. Of equal ones either may count."""
    if grade is None or not 0 <= grade <= 1:
        return False
    best = {True: -math.inf, False: -math.inf}
    for option, figure in zip(options, figures):
        best[option.is_right] = max(best[option.is_right], figure)
    if grade in (0, 1):
        return best[grade == 0] > best[grade == 1]
    likeliest = max(figures)
    shares = [math.exp(figure - likeliest) for figure in figures]
    right = sum(share for share, option in zip(shares, options) if option.is_right)
    return abs(right / sum(shares) - grade) > SHARE_SLACK
