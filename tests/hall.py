"""Hall's t (1992) of a sum over texts, mended for skewness, by plain sums and root finding."""

import math
from collections.abc import Sequence

from scipy import optimize, stats


def mended(adds: Sequence[float], figure: float, value: float) -> tuple[float, float]:
    """(t, degrees of freedom) of a figure against a value; adds: what each text adds, mean 0."""
    variance = sum(one**2 for one in adds)
    skewness = sum(one**3 for one in adds) / variance**1.5
    carriers = variance**2 / sum(one**4 for one in adds)
    t = (figure - value) / math.sqrt(variance)
    cubic = t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6
    return cubic, min(carriers, len(adds)) - 1


def above(adds: Sequence[float], figure: float, value: float) -> float:
    """One-sided p that the figure lies above a value."""
    t, freedom = mended(adds, figure, value)
    return float(stats.t.sf(t, freedom))


def interval(adds: Sequence[float], figure: float, level: float = 0.95) -> tuple[float, float]:
    """The values that are not refused on either side."""
    error = math.sqrt(sum(one**2 for one in adds))

    def end(tail: float) -> float:
        def gap(value: float) -> float:
            return above(adds, figure, value) - tail

        return float(optimize.brentq(gap, figure - 1e6 * error, figure + 1e6 * error, xtol=1e-15))

    return end((1 - level) / 2), end((1 + level) / 2)
