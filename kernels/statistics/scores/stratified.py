"""A weighted sum of benchmarks against a stated difference: Tango's score test over strata.

The likelihood of leapfrogs and drops is maximised under sum of weight x difference = the stated
one, over all benchmarks together (one Lagrange multiplier), and the distance from there is counted
in its own standard errors. It needs no resampling, so that rows by the hundred cost nothing, and
keeps its size where few or no prompts disagree. Everything is done for m rows at once.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..answers import Sheet
from ..intervals import ALPHA
from ..texts import units

STEPS = 50  # halvings of the multiplier's bracket
FAR = 30.0  # its ends, in e-folds
NEWTON = 12  # most steps towards a stratum's total; none overshoots
CLOSE = 1e-14  # what the shares may still exceed 1 by


class Tables(NamedTuple):
    """m rows over b benchmarks: counts that say as much as their gains do, [m, b] each.

    A gain of size `jump` counts as one leapfrog or drop, and items of one text as fewer.
    """

    leapfrogs: np.ndarray
    drops: np.ndarray
    prompts: np.ndarray  # effective number; 1 where the row has none of the benchmark
    weight: np.ndarray  # share of the sum; 0 where the row has none of the benchmark
    jump: np.ndarray  # [m, 1] size of a gain: 1 for scores of 0 or 1, else mean cube / mean square
    volume: np.ndarray  # mean size of gains

    @property
    def difference(self) -> np.ndarray:
        """Weighted sum of gains, [m]."""
        return (self.weight * self.jump * (self.leapfrogs - self.drops) / self.prompts).sum(1)


def tables(gains: np.ndarray, sheet: Sheet) -> Tables:
    """Counts of gains [m, n], NaN where one side did not answer; sheet: its prompts and weights."""
    names = np.array(sheet.prompts.groups, str)
    texts = units(sheet.prompts.texts, len(names))
    kinds = np.unique(names).tolist()
    parts = [_moments(gains[:, names == kind], texts[names == kind]) for kind in kinds]
    prompts, mean, volume, square, cube = (np.stack(part, 1) for part in zip(*parts))
    has = prompts > 0
    weight = np.where(has, [sheet.weights[kind] for kind in kinds], 0.0)
    weight /= np.maximum(weight.sum(1, keepdims=True), 1e-300)
    jumps = np.where(square > 0, cube / np.where(square > 0, square, 1.0), 0.0).max(1)
    jump = np.where(jumps > 0, jumps, 1.0)[:, None]
    total = np.maximum(square / jump**2, np.abs(mean) / jump)
    rise, fall = ((total + side * mean / jump) / 2 for side in (1, -1))
    return Tables(prompts * rise, prompts * fall, np.where(has, prompts, 1.0), weight, jump, volume)


def not_inferior(found: Tables, margin: float) -> np.ndarray:
    """p [m] that the weighted difference lies above -margin, one-sided.

    Half a prompt is taken off the sum, of as many as would say as much in one benchmark: it moves
    by whole prompts, and the score test alone says so too often where benchmarks are of uneven
    sizes or disagreements few.
    """
    from scipy.stats import norm

    gap = found.difference + margin
    part = np.where(gap > 0, 1 - prompt(found) / 2 / np.where(gap > 0, gap, 1.0), 1.0)
    return norm.sf(score_z(found, -margin) * part)


def prompt(found: Tables) -> np.ndarray:
    """What one prompt moves the sum by, [m], in one benchmark that says as much as all."""
    return found.jump[:, 0] * (found.weight**2 / found.prompts).sum(1)


def equivalent(found: Tables, margin: float) -> np.ndarray:
    """p [m] that the weighted difference lies within +-margin: two one-sided tests."""
    return np.maximum(not_inferior(found, margin), not_inferior(_turned(found), margin))


def interval(found: Tables, level: float = 1 - ALPHA) -> tuple[np.ndarray, np.ndarray]:
    """(low [m], high [m]): the differences that the score test at this level does not refuse."""
    from scipy.stats import norm

    z = norm.ppf((1 + level) / 2)
    return lowest(found, z), -lowest(_turned(found), z)


def lowest(found: Tables, z: float) -> np.ndarray:
    """The difference [m] above which the sum lies by z standard errors, z > 0."""
    value = found.difference
    multiplier = _solved(found, lambda k, reached: k * np.maximum(value - reached, 0) > z**2)
    return _reached(found, multiplier)


def score_z(found: Tables, difference: float) -> np.ndarray:
    """How many standard errors the weighted sum lies above this difference, [m]."""
    gap = found.difference - difference
    side = np.where(gap >= 0, 1.0, -1.0)
    above = side[:, None] > 0
    leaning = found._replace(
        leapfrogs=np.where(above, found.leapfrogs, found.drops),
        drops=np.where(above, found.drops, found.leapfrogs),
    )
    multiplier = _solved(leaning, lambda _, reached: reached < side * difference)
    return side * np.sqrt(multiplier * np.abs(gap))


def _solved(found: Tables, is_far: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """The multiplier [m] at which is_far(multiplier, difference reached) turns true."""
    unit = (found.prompts / np.maximum(found.weight * found.jump, 1e-12)).min(1)
    low, high = np.log(unit) - FAR, np.log(unit) + FAR
    for _ in range(STEPS):
        middle = (low + high) / 2
        far = is_far(np.exp(middle), _reached(found, np.exp(middle)))
        low, high = np.where(far, low, middle), np.where(far, middle, high)
    return np.exp((low + high) / 2)


def _reached(found: Tables, multiplier: np.ndarray) -> np.ndarray:
    """The weighted difference [m] of the likeliest shares under this pull downwards.

    Each stratum's shares are leapfrogs / (t + 2 k), same / (t + k) and drops / t, k its pull; t
    makes them sum to 1. Without drops t may have to be 0: what is missing is drops then.
    """
    gained, lost, n = found.leapfrogs, found.drops, found.prompts
    same = np.maximum(n - gained - lost, 0.0)
    pull = multiplier[:, None] * found.weight * found.jump
    # neither is too large: the shares sum to 1 or more there
    t = np.maximum(lost, n - pull * (1 + (gained - lost) / n))
    for _ in range(NEWTON):
        room = np.where(lost > 0, t, 1.0)
        excess = gained / (t + 2 * pull) + same / (t + pull) + lost / room - 1
        slope = gained / (t + 2 * pull) ** 2 + same / (t + pull) ** 2 + lost / room**2
        t = t + np.maximum(excess, 0) / slope
        if excess.max(initial=0.0) < CLOSE:
            break
    rise = gained / (t + 2 * pull)
    fall = 1 - rise - same / (t + pull)
    return (found.weight * found.jump * (rise - fall)).sum(1)


def least_margin(found: Tables, z: float) -> np.ndarray:
    """The smallest margin [m] at which not_inferior's z exceeds this one, z > 0."""
    value, half = found.difference, prompt(found) / 2

    def exceeds(multiplier: np.ndarray, reached: np.ndarray) -> np.ndarray:
        gap = np.maximum(value - reached, 0)
        return np.sqrt(multiplier * gap) * (gap - half) > z * gap

    return -_reached(found, _solved(found, exceeds))


def _turned(found: Tables) -> Tables:
    """The same with leapfrogs as drops."""
    return found._replace(leapfrogs=found.drops, drops=found.leapfrogs)


def _moments(gains: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, ...]:
    """(prompts, mean gain, mean size, mean square, mean cube of the size) [m] of gains [m, n].

    prompts: how many of different texts say as much.
    """
    has = np.isfinite(gains)
    known, n = np.where(has, gains, 0.0), has.sum(1)
    items = np.maximum(n, 1)
    mean = known.sum(1) / items
    effect = _design_effect(np.where(has, known - mean[:, None], 0.0), has, texts)
    powers = ((np.abs(known) ** k).sum(1) / items for k in (1, 2, 3))
    return n / effect, mean, *powers


def _design_effect(residuals: np.ndarray, has: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """texts.design_effect of each row [m], for residuals [m, n] that are 0 where has is False."""
    unit = units(texts)
    if len(unit) == unit.max(initial=-1) + 1:
        return np.ones(len(residuals))
    order = np.argsort(unit, kind="stable")
    starts = np.flatnonzero(np.diff(unit[order], prepend=-1))
    sizes = np.add.reduceat(has[:, order].astype(float), starts, axis=1)
    together = (np.add.reduceat(residuals[:, order], starts, axis=1) ** 2).sum(1)
    alone = (residuals**2).sum(1)
    varied = (alone > 1e-12) & ((sizes > 0).sum(1) > 1)
    by_size = (sizes**2).sum(1) / np.maximum(sizes.sum(1), 1)
    ratio = np.round(together / np.where(varied, alone, 1.0), 12)
    return np.maximum(np.where(varied, ratio, by_size), 1.0)
