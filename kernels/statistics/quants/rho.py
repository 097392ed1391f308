"""Rank correlations of every measurement with every target at once, on shared draws.

The paper reports Spearman's rho, its t-approximated p and percentile bootstrap intervals (B =
10,000 over quants). Permutation p, p adjusted over the measurements (step-down max-T, Westfall and
Young 1993), Fisher's z interval where the percentile one has no width, rho without any one group
and the smallest resolvable |rho| are ours. All of them take the quants for unrelated.
"""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np

from ..draws import SMALLEST, SMALLEST_VERDICT, permutations, resamples
from ..intervals import finite, fisher_z, interval
from ..multiplicity import step_down
from ..port import statistic
from ..ranks import by_quants, centred_ranks, ranks_or_zero, resampled_rho, t_p
from ..resolution import minimum_resolvable_rho
from .points import Points, sides

CONSTANT = "one side is the same for every quant"


class Draws(NamedTuple):
    """How often and from which seed is drawn."""

    n_permutations: Annotated[int, "orders dealt anew"]
    n_resamples: Annotated[int, "bootstrap replicates"]
    seed: Annotated[int, "of all draws"]


class RankCorrelation(NamedTuple):
    """A measurement against a target, over the quants that have both."""

    measurement_id: Annotated[str, "what was measured"]
    variant: Annotated[int, "number in the list of 14; above 1000: a measure of the user's own"]
    target: Annotated[str, "what the measurement is held against"]
    n: Annotated[int, "quants with both figures"]
    rho: Annotated[
        float | None,
        "Spearman's rho of the oriented measurement (larger = further from the reference) with the"
        " target, -1 to 1; null with a reason",
    ] = None
    p_t: Annotated[float | None, "two-sided p, t approximation"] = None
    p_permutation: Annotated[
        float | None, "two-sided p, add-one Monte Carlo; right for quants that are not related"
    ] = None
    p_adjusted: Annotated[
        float | None,
        "p_permutation adjusted over all measurements of the target (step-down max-T)",
    ] = None
    measurements: Annotated[
        int | None,
        "how many p_adjusted is adjusted over; those that rank all quants alike count once",
    ] = None
    low: Annotated[
        float | None,
        "95 % interval over quants: percentile bootstrap, or Fisher's z where that has no width or"
        " for fewer than 8 quants; right for quants that are not related",
    ] = None
    high: Annotated[float | None, "its other end"] = None
    interval: Annotated[
        str | None,
        "which interval that is: percentile, or z (Fisher's, with Bonett and Wright's variance)",
    ] = None
    without_group_smallest: Annotated[
        float | None, "smallest rho when any one uploader (or quant without one) is left out"
    ] = None
    without_group_largest: Annotated[float | None, "largest"] = None
    largest_compatible: Annotated[
        float | None,
        "largest |rho| that Fisher's z interval holds: what a correlation near 0 may still be",
    ] = None
    minimum_rho: Annotated[
        float | None,
        "smallest |rho| that p_t finds among n unrelated quants with 80 % power at 5 %; related"
        " quants and a p that is adjusted find less",
    ] = None
    reason: Annotated[str | None, "why rho is null"] = None


@statistic
def rank_correlations(points: Points, settings: Draws) -> list[RankCorrelation]:
    """Spearman's rho of every measurement with every target, over the quants that have both.

    Two that no quant has both of make no row.
    """
    both = sides(points)
    groups = _group_numbers(both.uploaders)
    found: dict[tuple[int, int], RankCorrelation] = {}
    for used, rows, columns, wanted in by_quants(both.x, both.y):
        n, block = int(used.sum()), {}
        if n >= SMALLEST:
            block = _block(both.x[rows][:, used], both.y[columns][:, used], groups[used], settings)
        for i, j in wanted if n else ():
            variant, name = both.measurements[i]
            figures = block.get((rows.index(i), columns.index(j)), {"reason": too_few(n)})
            found[i, j] = RankCorrelation(name, variant, both.targets[j], n)._replace(**figures)
    for j, target in enumerate(both.y):
        known = [i for i in range(len(both.x)) if (i, j) in found and found[i, j].rho is not None]
        adjusted, count = max_t(both.x[known], target, settings)
        for i, p in zip(known, adjusted.tolist()):
            found[i, j] = found[i, j]._replace(p_adjusted=p, measurements=count)
    return [found[key] for key in sorted(found)]


def max_t(x: np.ndarray, y: np.ndarray, settings: Draws) -> tuple[np.ndarray, int]:
    """p of each measurement x [m, n] against one target y [n], adjusted over all: step-down max-T.

    The target's ranks are dealt anew to all quants that have a target, the same deal for every
    measurement, so that their dependence is kept. A measurement that lacks quants (NaN) enters with
    its linear rank statistic, scaled to the same spread. Two that rank the quants alike are one to
    the largest of all; also returns how many are left.
    """
    has = np.isfinite(y)
    if not len(x):
        return np.empty(0), 0
    rx, ry = np.array([ranks_or_zero(row) for row in x[:, has]]), ranks_or_zero(y[has])
    scale = np.sqrt((rx**2).sum(1) * (ry**2).sum())
    scale[scale == 0] = np.inf
    orders = permutations(int(has.sum()), settings.n_permutations, settings.seed)
    # half-integers: sums are exact
    p = step_down(np.abs(rx @ ry) / scale, np.abs(ry[orders] @ rx.T) / scale)
    return p, len(np.unique(rx, axis=0))


def too_few(n: int) -> str:
    """The reason of a figure of fewer than SMALLEST quants."""
    return f"{SMALLEST} quants needed, {n} found"


def said_interval(
    percentile: tuple[float | None, float | None], z: tuple[float | None, float | None], n: int
) -> dict[str, Any]:
    """low, high and interval: the percentile one of n quants where it can be relied on, else z."""
    low, high = percentile
    if n >= SMALLEST_VERDICT and low is not None and high is not None and low < high:
        return {"low": low, "high": high, "interval": "percentile"}
    return {"low": z[0], "high": z[1], "interval": "z"}


def _group_numbers(labels: Sequence[str | None]) -> np.ndarray:
    """Group [n] of each quant; one without a label is its own."""
    names = [f"quant {k}" if label is None else f"group {label}" for k, label in enumerate(labels)]
    return np.unique(names, return_inverse=True)[1]


def _block(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray, settings: Draws
) -> dict[tuple[int, int], dict[str, Any]]:
    """(row, column) -> RankCorrelation's figures, bar those that are adjusted.

    x: [m, n], y: [t, n], nothing missing; groups: [n].
    """
    n = x.shape[1]
    once = np.ones((1, n))
    rho = resampled_rho(x, y, once)[0]
    replicates = resampled_rho(x, y, resamples(n, settings.n_resamples, settings.seed))
    labels = np.unique(groups)
    without = np.full((1, *rho.shape), np.nan)
    if len(labels) > 1:
        without = resampled_rho(x, y, 1.0 * (groups != labels[:, None]))
    rx, ry = centred_ranks(x, once)[0], centred_ranks(y, once)[0]
    orders, observed = permutations(n, settings.n_permutations, settings.seed), np.abs(rx @ ry.T)
    scale = np.sqrt((rx**2).sum(1)[:, None] * (ry**2).sum(1))
    # half-integers: sums are exact
    extreme = np.stack(
        [(np.abs(row[orders] @ rx.T) >= observed[:, j]).sum(0) for j, row in enumerate(ry)], 1
    )
    return {
        (i, j): _cell(rho[i, j], n, replicates[:, i, j], without[:, i, j])
        | {
            "p_t": t_p(observed[i, j] / scale[i, j], n),
            "p_permutation": float((1 + extreme[i, j]) / (1 + settings.n_permutations)),
        }
        if np.isfinite(rho[i, j])
        else {"reason": CONSTANT}
        for i, j in np.ndindex(rho.shape)
    }


def _cell(rho: float, n: int, replicates: np.ndarray, without: np.ndarray) -> dict[str, Any]:
    """One cell's figures from its rho in resamples [B] and without each group."""
    z, left = fisher_z(float(rho), n), without[np.isfinite(without)]
    return {
        "rho": float(rho),
        **said_interval(interval(replicates), z, n),
        "without_group_smallest": finite(left.min(initial=np.inf)),
        "without_group_largest": finite(left.max(initial=-np.inf)),
        "largest_compatible": max(abs(end) for end in z if end is not None),
        "minimum_rho": minimum_resolvable_rho(n),
    }
