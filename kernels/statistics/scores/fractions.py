"""A weighted sum of benchmarks whose scores are fractions, against a stated difference.

Most prompts differ by almost nothing and a few by much, so that the sum's error rests on few of
them. Its t over texts is mended for skewness by Hall's cubic (1992), and its degrees of freedom are
the texts that carry the variance: (sum of squares)^2 / sum of fourth powers, less 1. A claim that
no more than so much is lost also has to live with whole losses that no prompt happens to show:
their chance to stay unseen is the least p. Everything is done for m rows at once.
"""

from typing import NamedTuple

import numpy as np

from ..answers import Sheet
from ..intervals import ALPHA
from ..multiplicity import resolves
from ..resolution import POWER
from ..texts import units
from ..tosses import text_sums

NO_DIRECTION = "no disagreement: no direction"
BLOCK = 200  # draws handled at once
FEWEST_CARRIERS = 5  # texts; of fewer it is said that they are few
LEAST_VARIANCE = 1e-24  # what is smaller is rounding
LEAST_FREEDOM = 0.1  # of a t that nothing carries: its 5 % lie further out than any score
GAINS, LOSSES, BOTH = 1, -1, 0  # which differences whole losses that no text shows would undo


class Moments(NamedTuple):
    """m rows over b benchmarks and t texts."""

    difference: np.ndarray  # weighted sum of gains, [m]
    volume: np.ndarray  # weighted mean size of gains, [m]
    error: np.ndarray  # standard error of the difference, texts drawn anew, [m]
    skewness: np.ndarray  # of the difference, [m]
    carriers: np.ndarray  # texts that carry its variance, [m]; 0 without variance
    freedom: np.ndarray  # degrees of freedom, [m]
    texts: np.ndarray  # of each benchmark, [m, b]; 0 where the row has none of it
    weight: np.ndarray  # share of the sum, [m, b]; 0 where the row has none of it
    residuals: np.ndarray  # of each text, weighted, in standard errors, [m, t]


def moments(gains: np.ndarray, sheet: Sheet) -> Moments:
    """Of gains [m, n], NaN where one side did not answer; sheet: its prompts and weights."""
    kinds, number = np.unique(np.array(sheet.prompts.groups, str), return_inverse=True)
    unit = units(sheet.prompts.texts, len(number))
    has = np.isfinite(gains)
    known = np.where(has, gains, 0.0)
    inside = np.equal(number[:, None], np.arange(len(kinds))).astype(float)  # [n, b]
    items, texts = has @ inside, _texts(has, number, unit, len(kinds))
    weight = np.array([sheet.weights[kind] for kind in kinds.tolist()]) * (items > 0)
    weight /= np.maximum(weight.sum(1, keepdims=True), 1e-300)
    each = weight / np.maximum(items, 1)  # what an item weighs
    means = known @ inside / np.maximum(items, 1)
    spread = np.sqrt(texts / np.maximum(texts - 1, 1))
    apart = np.where(has, known - means[:, number], 0.0) * (each * spread)[:, number]
    apart[((texts == 1) & (weight > 0)).any(1)] = 0.0  # one text's error is unknown
    volume = ((np.abs(known) @ inside) * each).sum(1)
    sums = text_sums(apart, unit)
    return Moments((weight * means).sum(1), volume, *_carried(sums, texts), texts, weight, sums)


def of_sums(sums: np.ndarray, difference: np.ndarray, volume: np.ndarray) -> Moments:
    """Of figures [m] whose error is that of a sum over texts: sums [m, t], whose mean is 0."""
    texts = np.full((len(sums), 1), float(sums.shape[1]))
    apart = sums * np.sqrt(texts / np.maximum(texts - 1, 1))
    return Moments(difference, volume, *_carried(apart, texts), texts, np.ones_like(texts), apart)


def above(found: Moments, difference: float) -> np.ndarray:
    """p [m] that the sum lies above this difference, one-sided."""
    from scipy.stats import t

    return t.sf(_mended(found, difference), found.freedom)


def below(found: Moments, difference: float) -> np.ndarray:
    """p [m] that the sum lies below this difference, one-sided."""
    from scipy.stats import t

    return t.cdf(_mended(found, difference), found.freedom)


def different(found: Moments) -> np.ndarray:
    """p [m] that the sum is not 0, two-sided."""
    return np.minimum(1.0, 2 * np.minimum(above(found, 0.0), below(found, 0.0)))


def told(found: Moments, undone: int | np.ndarray = GAINS) -> np.ndarray:
    """p [m] that the sum is not 0, two-sided, whole losses that no text shows allowed for.

    undone: which differences they would undo, [m] or one for all. GAINS, of a quant on its
    reference, since quants seldom gain as rarely; LOSSES, of the reference on a quant; BOTH, of two
    quants, each of which may have them.
    """
    in_doubt = (undone * found.difference > 0) | np.equal(undone, BOTH)
    hidden = np.where(in_doubt, unseen(found, np.abs(found.difference)), 0.0)
    return np.maximum(different(found), hidden)


def reason(found: Moments, row: int, margin: float) -> str | None:
    """Why so little can be said of a row."""
    if found.volume[row] == 0:
        return NO_DIRECTION
    if found.carriers[row] < FEWEST_CARRIERS:
        return f"prompts that carry the difference: {found.carriers[row]:.1f}, too few for a word"
    if resolves(different(found)[row]) and not resolves(told(found)[row]):
        return "whole losses that no prompt happens to show could undo so small a gain"
    shown = max(above(found, -margin)[row], below(found, margin)[row])
    if resolves(shown) and not resolves(equivalent(found, margin)[row]):
        return "whole losses or gains that no prompt happens to show could exceed the margin"
    return None


def not_inferior(found: Moments, margin: float) -> np.ndarray:
    """p [m] that the sum lies above -margin, one-sided."""
    visible = np.where(found.volume > 0, above(found, -margin), 0.0)
    return np.maximum(visible, unseen(found, found.difference + margin))


def equivalent(found: Moments, margin: float) -> np.ndarray:
    """p [m] that the sum lies within +-margin: two one-sided tests."""
    return np.maximum(not_inferior(found, margin), not_inferior(_turned(found), margin))


def unseen(found: Moments, gap: np.ndarray) -> np.ndarray:
    """Chance [m] that no text shows the whole losses that would move the sum by gap [m].

    All in the benchmark where they stay unseen most easily.
    """
    share = np.maximum(gap, 0.0)[:, None] / np.where(found.weight > 0, found.weight, 1.0)
    none = (1 - np.minimum(share, 1.0)) ** found.texts
    return np.where(found.weight > 0, none, 0.0).max(1)


def interval(found: Moments, level: float = 1 - ALPHA) -> tuple[np.ndarray, np.ndarray]:
    """(low [m], high [m]): the differences that the test at this level does not refuse.

    Where no two texts differ: those that whole gains or losses which none shows could make.
    """
    from scipy.stats import norm

    z = norm.ppf((1 + level) / 2)
    return lowest(found, z), -lowest(_turned(found), z)


def lowest(found: Moments, z: float) -> np.ndarray:
    """The difference [m] above which the sum lies by z standard errors of a normal, z > 0."""
    from scipy.stats import norm, t

    wanted = t.isf(norm.sf(z), found.freedom) - found.skewness / 6
    skew = np.where(np.abs(found.skewness) > 1e-9, found.skewness, 1e-9)
    lies = 3 * (np.cbrt(1 + skew * wanted) - 1) / skew
    end = np.where(found.carriers > 0, found.difference - lies * found.error, -1.0)
    nothing = (found.carriers == 0) & (found.volume == 0)
    return np.where(nothing, -undone(found, norm.sf(z)), end)


def least_margin(found: Moments, z: float) -> np.ndarray:
    """The smallest margin [m] at which not_inferior's p is that of z, z > 0."""
    from scipy.stats import norm

    return np.maximum(-lowest(found, z), undone(found, norm.sf(z)) - found.difference)


def undone(found: Moments, p: float) -> np.ndarray:
    """The gap [m] whose `unseen` is p."""
    return (found.weight * (1 - p ** (1 / np.maximum(found.texts, 1)))).max(1)


def linearised(adds: np.ndarray, figure: float, hidden: float = 0.0) -> tuple[float, float, float]:
    """(low, high, what 80 % power detects) of a figure to which texts add so much, [texts].

    adds: of mean 0; a ratio of sums, or a slope, where it is nearly linear in its texts; hidden:
    what unseen losses could make of it.
    """
    from scipy.stats import norm, t

    found = of_sums(adds[None], np.array([figure]), np.ones(1))
    low, high = interval(found)
    luck = norm.ppf(POWER) * found.error
    least = np.maximum(t.isf(ALPHA / 2, found.freedom) * found.error, hidden) + luck
    return float(low[0]), float(high[0]), float(least[0])


def draws(found: Moments, times: int, seed: int) -> np.ndarray:
    """Normal z [times, m] of sums without a difference, which share what these rows share."""
    rng = np.random.default_rng(seed)
    used = np.flatnonzero(found.residuals.any(0))
    residuals = np.ascontiguousarray(found.residuals[:, used].T)
    null = np.empty((times, len(found.difference)))
    for start in range(0, times, BLOCK):
        piece = null[start : start + BLOCK]
        piece[:] = rng.standard_normal((len(piece), len(used))) @ residuals
    return null


def _carried(
    sums: np.ndarray, texts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(error, skewness, carriers, freedom) [m] of sums [m, t], which turn to standard errors."""
    variance = (sums**2).sum(1)
    sums /= np.where(variance > LEAST_VARIANCE, np.sqrt(variance), np.inf)[:, None]
    fourth = (sums**4).sum(1)
    carriers = np.where(fourth > 0, 1 / np.where(fourth > 0, fourth, 1.0), 0.0)
    free = np.minimum(carriers, texts.sum(1) - (texts > 0).sum(1) + 1) - 1
    error = np.where(carriers > 0, np.sqrt(variance), 0.0)
    return error, (sums**3).sum(1), carriers, np.maximum(free, LEAST_FREEDOM)


def _mended(found: Moments, difference: float) -> np.ndarray:
    """t [m] from this difference, mended for skewness; 0 where no two texts differ."""
    t = np.where(found.carriers > 0, found.difference - difference, 0.0)
    t = t / np.where(found.carriers > 0, found.error, 1.0)
    skew = found.skewness
    return t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6


def _turned(found: Moments) -> Moments:
    """The same with gains as losses."""
    return found._replace(difference=-found.difference, skewness=-found.skewness)


def _texts(has: np.ndarray, number: np.ndarray, unit: np.ndarray, kinds: int) -> np.ndarray:
    """How many texts of each benchmark a row has, [m, kinds]."""
    if len(unit) == unit.max(initial=-1) + 1:
        return has @ np.equal(number[:, None], np.arange(kinds)).astype(float)
    order = np.lexsort((unit, number))
    changes = np.diff(number[order], prepend=-1) | np.diff(unit[order], prepend=-1)
    starts = np.flatnonzero(changes)
    asked = np.logical_or.reduceat(has[:, order], starts, axis=1)
    return asked @ np.equal(number[order][starts][:, None], np.arange(kinds)).astype(float)
