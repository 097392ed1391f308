"""Does one measurement foretell a target better than another? Differences of dependent rhos."""

import math
from itertools import combinations
from typing import Annotated, Any, NamedTuple

import numpy as np

from ..draws import SMALLEST, resamples
from ..intervals import interval
from ..port import statistic
from ..ranks import by_quants, resampled_rho, z_variance
from .points import Points, sides
from .rho import CONSTANT, too_few


class Resamples(NamedTuple):
    """How often and from which seed is drawn."""

    n_resamples: Annotated[int, "bootstrap replicates"]
    seed: Annotated[int, "of all draws"]


class RhoDifference(NamedTuple):
    """Two measurements against one target, over the quants that have all three."""

    measurement_id: Annotated[str, "the one"]
    other_measurement_id: Annotated[str, "the other"]
    target: Annotated[str, "what both are correlated with"]
    n: Annotated[int, "quants with all three figures"]
    difference: Annotated[float | None, "rho of the one less rho of the other"] = None
    low: Annotated[
        float | None, "percentile bootstrap over quants, 2.5 %; right for unrelated quants"
    ] = None
    high: Annotated[float | None, "97.5 %"] = None
    p: Annotated[
        float | None,
        "two-sided p by Meng, Rosenthal and Rubin (1992) with the variance of ranks (Bonett and"
        " Wright 2000); approximate: of 10 to 41 unrelated quants whose two rho are equal, 3 to 9"
        " in 100 have a p of 0.05 or less; not adjusted for the number of pairs",
    ] = None
    reason: Annotated[str | None, "why there is no difference"] = None


@statistic
def correlation_differences(points: Points, settings: Resamples) -> list[RhoDifference]:
    """rho of one measurement less rho of another, for every two measurements and every target.

    Both are ranked anew in the same resample of the quants that have both and the target.
    """
    both = sides(points)
    pairs = np.array(list(combinations(range(len(both.x)), 2)), int).reshape(-1, 2)
    present = np.isfinite(both.x[pairs]).all(1)
    found = {}
    for used, rows, columns, wanted in by_quants(np.where(present, 1.0, np.nan), both.y):
        n = int(used.sum())
        members = sorted({int(i) for row in rows for i in pairs[row]})
        block = {}
        if n >= SMALLEST:
            places = [tuple(members.index(i) for i in pairs[row]) for row in rows]
            block = _block(both.x[members][:, used], both.y[columns][:, used], places, settings)
        for row, j in wanted if n else ():
            key = rows.index(row), columns.index(j)
            one, other = (both.measurements[i][1] for i in pairs[row])
            figures = block.get(key, {"reason": too_few(n)})
            found[row, j] = RhoDifference(one, other, both.targets[j], n)._replace(**figures)
    return [found[key] for key in sorted(found)]


def _block(
    x: np.ndarray, y: np.ndarray, pairs: list[tuple[int, ...]], settings: Resamples
) -> dict[tuple[int, int], dict[str, Any]]:
    """(pair, column) -> RhoDifference's figures of x [m, n] and y [t, n], nothing missing."""
    n = x.shape[1]
    rho, between = (resampled_rho(x, side, np.ones((1, n)))[0] for side in (y, x))
    replicates = resampled_rho(x, y, resamples(n, settings.n_resamples, settings.seed))
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for (k, (a, b)), j in ((pair, j) for pair in enumerate(pairs) for j in range(len(y))):
        if not np.isfinite(rho[[a, b], j]).all():
            found[k, j] = {"reason": CONSTANT}
            continue
        low, high = interval(replicates[:, a, j] - replicates[:, b, j])
        found[k, j] = {
            "difference": float(rho[a, j] - rho[b, j]),
            "low": low,
            "high": high,
            "p": meng(rho[a, j], rho[b, j], between[a, b], n),
        }
    return found


def meng(rho_1: float, rho_2: float, between: float, n: int) -> float | None:
    """Two-sided p that two rank correlations of the same n things with one target are equal.

    Meng, Rosenthal and Rubin (1992), with the variance of a rank correlation's z in place of a
    product moment's; between: rho of the two. None where one of the three is 1.
    """
    from scipy.stats import norm

    if max(abs(rho_1), abs(rho_2), abs(between)) >= 1:
        return None
    square = (rho_1**2 + rho_2**2) / 2
    f = min(1.0, (1 - between) / (2 * (1 - square)))
    h = (1 - f * square) / (1 - square)
    gap = abs(math.atanh(rho_1) - math.atanh(rho_2))
    return float(2 * norm.sf(gap / math.sqrt(2 * z_variance(square, n) * (1 - between) * h)))
