"""Does one measurement foretell a target better than another? Differences of dependent rhos."""

import math
from itertools import combinations

import numpy as np

from .draws import SMALLEST, resamples
from .intervals import interval
from .ranks import by_quants, resampled_rho
from .rho import CONSTANT, too_few


def differences(x: np.ndarray, y: np.ndarray, n_resamples: int, seed: int) -> list[dict]:
    """rho of one measurement less rho of another, for every two measurements and every target.

    x: [m, n], y: [t, n]; a difference uses the quants that have all three. Returns first, second,
    target, n, difference, its percentile interval over quants (both re-ranked in the same
    resample), p_meng (Meng, Rosenthal and Rubin 1992, the cross-check by formula) and reason.
    """
    x, y = np.atleast_2d(np.asarray(x, float)), np.atleast_2d(np.asarray(y, float))
    answers = {}
    pairs = np.array(list(combinations(range(len(x)), 2)), int).reshape(-1, 2)
    present = np.isfinite(x[pairs]).all(1)
    for used, rows, columns, wanted in by_quants(np.where(present, 1.0, np.nan), y):
        n = int(used.sum())
        members = sorted({int(i) for row in rows for i in pairs[row]})
        inside, targets = x[members][:, used], y[columns][:, used]
        if n >= SMALLEST:
            once = np.ones((1, n))
            rho, between = (resampled_rho(inside, side, once)[0] for side in (targets, inside))
            replicates = resampled_rho(inside, targets, resamples(n, n_resamples, seed))
        for row, j in wanted:
            first, second = map(int, pairs[row])
            a, b, column = members.index(first), members.index(second), columns.index(j)
            if n < SMALLEST:
                found = too_few(n)
            elif not np.isfinite(rho[[a, b], column]).all():
                found = {"reason": CONSTANT}
            else:
                found = {
                    "difference": float(rho[a, column] - rho[b, column]),
                    "p_meng": meng(rho[a, column], rho[b, column], between[a, b], n),
                    "reason": None,
                }
                found["ci_low"], found["ci_high"] = interval(
                    replicates[:, a, column] - replicates[:, b, column]
                )
            empty = dict.fromkeys(("difference", "ci_low", "ci_high", "p_meng"))
            key = {"first": first, "second": second, "target": j, "n": n}
            answers[row, j] = key | empty | found
    return [answers[key] for key in sorted(answers)]


def meng(rho_1: float, rho_2: float, between: float, n: int) -> float | None:
    """Two-sided p that two correlations with one target are equal.

    between: the two measurements' own correlation. None where one of the three is 1.
    """
    from scipy.stats import norm

    if max(abs(rho_1), abs(rho_2), abs(between)) >= 1:
        return None
    square = (rho_1**2 + rho_2**2) / 2
    f = min(1.0, (1 - between) / (2 * (1 - square)))
    h = (1 - f * square) / (1 - square)
    gap = abs(math.atanh(rho_1) - math.atanh(rho_2))
    return float(2 * norm.sf(gap * math.sqrt((n - 3) / (2 * (1 - between) * h))))
