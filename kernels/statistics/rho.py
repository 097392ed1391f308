"""Rank correlations of every measurement with every target at once, on shared draws.

The paper reports Spearman's rho, its t-approximated p and percentile bootstrap intervals (B =
10,000 over quants). Permutation p, p adjusted over the measurements (step-down max-T, Westfall and
Young 1993), BCa interval, Fisher's z interval, rho without any one group and the smallest
resolvable |rho| are ours.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .draws import SMALLEST, permutations, resamples
from .intervals import ALPHA, bca, finite, fisher_z, interval
from .ranks import by_quants, centred_ranks, ranks_or_zero, resampled_rho, t_p
from .resolution import minimum_resolvable_rho

FIGURES = (
    "rho",
    "p_t",
    "p_permutation",
    "p_max_t",
    "ci_low",
    "ci_high",
    "bca_low",
    "bca_high",
    "z_low",
    "z_high",
    "without_group_low",
    "without_group_high",
    "largest_compatible",
    "minimum_rho",
)
CONSTANT = "one side is the same for every quant"


def correlate(
    x: np.ndarray,
    y: np.ndarray,
    n_permutations: int,
    n_resamples: int,
    seed: int,
    groups: Sequence[str | None] | None = None,
) -> list[dict]:
    """Every measurement against every target.

    x: [m, n] measurements, y: [t, n] targets, one column per quant; a cell leaves out the quants
    where either is NaN. groups: [n] labels (uploaders); a quant without one (None) is its own
    group. Returns m x t cells, measurement by measurement: measurement and target (row numbers), n,
    FIGURES (each None where it cannot be had) and reason. p_max_t is adjusted over the measurements
    of one target; without_group_* is the range of rho when any one group is left out;
    largest_compatible is the larger end of the z interval in absolute value: what a correlation
    that was not resolved may still be.
    """
    x, y = np.atleast_2d(np.asarray(x, float)), np.atleast_2d(np.asarray(y, float))
    numbers = _group_numbers([None] * x.shape[1] if groups is None else groups)
    cells: dict[tuple[int, int], dict[str, Any]] = {}
    for used, rows, columns, wanted in by_quants(x, y):
        n = int(used.sum())
        block = {}
        if n >= SMALLEST:
            sides = x[rows][:, used], y[columns][:, used]
            block = _block(*sides, n_permutations, n_resamples, seed, numbers[used])
        for i, j in wanted:
            found = block.get((rows.index(i), columns.index(j)), too_few(n))
            cells[i, j] = {"measurement": i, "target": j, "n": n} | dict.fromkeys(FIGURES) | found
    for j in range(len(y)):
        known = [i for i in range(len(x)) if cells[i, j]["rho"] is not None]
        for i, p in zip(known, max_t(x[known], y[j], n_permutations, seed)):
            cells[i, j]["p_max_t"] = float(p)
    return [cells[key] for key in sorted(cells)]


def spearman(
    x: Sequence[float | None] | None,
    y: Sequence[float | None] | None,
    n_permutations: int,
    n_resamples: int,
    seed: int,
) -> dict:
    """`correlate`'s one cell of two lists: an entry per quant, None or NaN where it is missing."""
    n = min(len(x or ()), len(y or ()))
    one, other = (np.array([(side or ())[:n]], float) for side in (x, y))
    [cell] = correlate(one, other, n_permutations, n_resamples, seed)
    return cell


def max_t(x: np.ndarray, y: np.ndarray, n_permutations: int, seed: int) -> np.ndarray:
    """p of each measurement x [m, n] against one target y [n], adjusted over all: step-down max-T.

    The target's ranks are dealt anew to all quants that have a target, the same deal for every
    measurement, so that their dependence is kept. A measurement that lacks quants (NaN) enters with
    its linear rank statistic, scaled to the same spread.
    """
    has = np.isfinite(y)
    n = int(has.sum())
    if not len(x):
        return np.empty(0)
    rx, ry = np.array([ranks_or_zero(row) for row in x[:, has]]), ranks_or_zero(y[has])
    scale = np.sqrt((rx**2).sum(1) * (ry**2).sum())
    scale[scale == 0] = np.inf
    observed = np.abs(rx @ ry) / scale
    order = np.argsort(-observed, kind="stable")
    # [B, m]
    permuted = np.abs(ry[permutations(n, n_permutations, seed)] @ rx[order].T) / scale[order]
    # the rest's largest
    at_least = np.maximum.accumulate(permuted[:, ::-1], axis=1)[:, ::-1] >= observed[order] - 1e-12
    p = np.empty(len(x))
    p[order] = np.maximum.accumulate((1 + at_least.sum(0)) / (1 + n_permutations))
    return p


def known_correlation(rho: float | None, n: int | None) -> dict:
    """What a published Spearman's rho of n quants allows, without their figures.

    Returns n, rho, p_t, low and high (Fisher's z), minimum_rho and reason.
    """
    answer = {"n": n, "rho": rho} | dict.fromkeys(("p_t", "low", "high", "minimum_rho"))
    if n is None:
        return answer | {"reason": "the number of quants is not known"}
    if rho is None:
        return answer | {"reason": "rho is not known"}
    if n < SMALLEST:
        return answer | too_few(n)
    low, high = fisher_z(rho, n)
    return answer | {
        "p_t": t_p(rho, n),
        "low": low,
        "high": high,
        "minimum_rho": minimum_resolvable_rho(n),
        "reason": None,
    }


def verdict(
    rho: float | None,
    p: float | None,
    low: float | None,
    high: float | None,
    minimum: float | None,
    n: int,
    reason: str | None,
) -> str:
    """What may be said of a correlation, in words. An unresolved one is never called an absence."""
    if rho is None or p is None:
        return f"no figure: {reason}"
    if p < ALPHA and low is not None and high is not None and (low > 0 or high < 0):
        return f"resolved: {'rises' if rho > 0 else 'falls'} with distance from the reference"
    largest = 1.0 if low is None or high is None else max(abs(low), abs(high))
    return (
        f"cannot tell: |rho| up to {largest:.2f} is compatible; {n} quants resolve |rho| >="
        f" {minimum:.2f} (80 % power)"
    )


def too_few(n: int) -> dict:
    """The reason of a cell of fewer than SMALLEST quants."""
    return {"reason": f"{n} quants, {SMALLEST} needed"}


def _group_numbers(labels: Sequence[str | None]) -> np.ndarray:
    """Group [n] of each quant; one without a label is its own."""
    names = [f"quant {k}" if label is None else f"group {label}" for k, label in enumerate(labels)]
    return np.unique(names, return_inverse=True)[1]


def _block(
    x: np.ndarray,
    y: np.ndarray,
    n_permutations: int,
    n_resamples: int,
    seed: int,
    groups: np.ndarray,
) -> dict[tuple[int, int], dict]:
    """(row, column) -> what `correlate` says of it, bar p_max_t.

    x: [m, n], y: [t, n], nothing missing; groups: [n].
    """
    n = x.shape[1]
    once = np.ones((1, n))
    rho = resampled_rho(x, y, once)[0]
    replicates = resampled_rho(x, y, resamples(n, n_resamples, seed))
    jackknife = resampled_rho(x, y, 1 - np.eye(n))
    labels = np.unique(groups)
    without = np.full((1, *rho.shape), np.nan)
    if len(labels) > 1:
        without = resampled_rho(x, y, 1.0 * (groups != labels[:, None]))
    rx, ry = centred_ranks(x, once)[0], centred_ranks(y, once)[0]
    orders, observed = permutations(n, n_permutations, seed), np.abs(rx @ ry.T)
    scale = np.sqrt((rx**2).sum(1)[:, None] * (ry**2).sum(1))
    # half-integers: sums are exact
    extreme = np.stack(
        [(np.abs(row[orders] @ rx.T) >= observed[:, j]).sum(0) for j, row in enumerate(ry)], 1
    )
    return {
        (i, j): _cell(rho[i, j], n, *(part[:, i, j] for part in (replicates, jackknife, without)))
        | {
            "p_t": t_p(observed[i, j] / scale[i, j], n),
            "p_permutation": float((1 + extreme[i, j]) / (1 + n_permutations)),
        }
        if np.isfinite(rho[i, j])
        else {"reason": CONSTANT}
        for i, j in np.ndindex(rho.shape)
    }


def _cell(
    rho: float, n: int, replicates: np.ndarray, jackknife: np.ndarray, without: np.ndarray
) -> dict:
    """One cell's figures from its rho in resamples [B], without each quant [n] and each group."""
    (low, high), (z_low, z_high) = interval(replicates), fisher_z(rho, n)
    bca_low, bca_high = bca(replicates, rho, jackknife)
    left = without[np.isfinite(without)]
    return {
        "rho": float(rho),
        "ci_low": low,
        "ci_high": high,
        "bca_low": bca_low,
        "bca_high": bca_high,
        "z_low": z_low,
        "z_high": z_high,
        "without_group_low": finite(left.min(initial=np.inf)),
        "without_group_high": finite(left.max(initial=-np.inf)),
        "largest_compatible": (
            1.0 if z_low is None or z_high is None else max(abs(z_low), abs(z_high))
        ),
        "minimum_rho": minimum_resolvable_rho(n),
        "reason": None,
    }
