"""Rank correlations of every measurement with every target at once: one set of quants, shared
permutations and resamples.

Each cell equals `stats.spearman` on its own. Beyond the paper's rho, t p and percentile interval:
permutation p, p adjusted over the measurements (step-down max-T, Westfall and Young 1993), BCa
interval, Fisher's z interval with Bonett and Wright's variance (2000), Kendall's tau-b, Somers' D,
rho without any one group, and intervals of differences.
"""

import math
from itertools import combinations

import numpy as np

from .resampling import SMALLEST, bca, blocks, interval, number, permutations, resamples
from .stats import minimum_resolvable_rho, t_p

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
    "kendall_tau",
    "kendall_p",
    "somers_d",
    "without_group_low",
    "without_group_high",
    "largest_compatible",
    "minimum_rho",
)


def correlate(
    x: np.ndarray,
    y: np.ndarray,
    n_permutations: int,
    n_resamples: int,
    seed: int,
    groups: list | None = None,
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
    labels = [None] * x.shape[1] if groups is None else groups
    groups = np.unique(
        [f"quant {k}" if label is None else f"group {label}" for k, label in enumerate(labels)],
        return_inverse=True,
    )[1]
    cells = {}
    for used, rows, columns, wanted in by_quants(x, y):
        n = int(used.sum())
        block = (
            _block(
                x[rows][:, used],
                y[columns][:, used],
                n_permutations,
                n_resamples,
                seed,
                groups[used],
            )
            if n >= SMALLEST
            else {}
        )
        for i, j in wanted:
            found = block.get(
                (rows.index(i), columns.index(j)), {"reason": f"{n} quants, {SMALLEST} needed"}
            )
            cells[i, j] = {"measurement": i, "target": j, "n": n} | dict.fromkeys(FIGURES) | found
    for j in range(len(y)):
        known = [i for i in range(len(x)) if cells[i, j]["rho"] is not None]
        for i, p in zip(known, max_t(x[known], y[j], n_permutations, seed)):
            cells[i, j]["p_max_t"] = float(p)
    return [cells[key] for key in sorted(cells)]


def max_t(x: np.ndarray, y: np.ndarray, n_permutations: int, seed: int) -> np.ndarray:
    """p of each measurement x [m, n] against one target y [n], adjusted over all of them: step-down
    max-T.

    The target's ranks are dealt anew to all quants that have a target, the same deal for every
    measurement, so that their dependence is kept. A measurement that lacks quants (NaN) enters with
    its linear rank statistic, scaled to the same spread.
    """
    has = np.isfinite(y)
    n = int(has.sum())
    if not len(x):
        return np.empty(0)
    rx, ry = np.array([_ranks_or_zero(row) for row in x[:, has]]), _ranks_or_zero(y[has])
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


def differences(x: np.ndarray, y: np.ndarray, n_resamples: int, seed: int) -> list[dict]:
    """rho of one measurement less rho of another, for every two measurements and every target, on
    the quants that have all three.

    x: [m, n], y: [t, n]. Returns first, second, target, n, difference, its percentile interval over
    quants (both re-ranked in the same resample), p_meng (Meng, Rosenthal and Rubin 1992, the
    cross-check by formula) and reason.
    """
    x, y = np.atleast_2d(np.asarray(x, float)), np.atleast_2d(np.asarray(y, float))
    answers = {}
    pairs = np.array(list(combinations(range(len(x)), 2)), int).reshape(-1, 2)
    present = np.isfinite(x[pairs]).all(1).astype(float)
    for used, rows, columns, wanted in by_quants(np.where(present == 1, present, np.nan), y):
        n = int(used.sum())
        members = sorted({int(i) for row in rows for i in pairs[row]})
        if n >= SMALLEST:
            inside, targets = x[members][:, used], y[columns][:, used]
            rho, between = (
                replicate_rho(inside, targets, np.ones((1, n)))[0],
                replicate_rho(inside, inside, np.ones((1, n)))[0],
            )
            replicates = replicate_rho(inside, targets, resamples(n, n_resamples, seed))
        for row, j in wanted:
            first, second = map(int, pairs[row])
            answer = {
                "first": first,
                "second": second,
                "target": j,
                "n": n,
                "difference": None,
                "ci_low": None,
                "ci_high": None,
                "p_meng": None,
            }
            a, b, column = members.index(first), members.index(second), columns.index(j)
            if n < SMALLEST:
                answer["reason"] = f"{n} quants, {SMALLEST} needed"
            elif not np.isfinite(rho[[a, b], column]).all():
                answer["reason"] = "one side is the same for every quant"
            else:
                low, high = interval(replicates[:, a, column] - replicates[:, b, column])
                answer |= {
                    "difference": float(rho[a, column] - rho[b, column]),
                    "ci_low": low,
                    "ci_high": high,
                }
                answer |= {
                    "p_meng": meng(rho[a, column], rho[b, column], between[a, b], n),
                    "reason": None,
                }
            answers[row, j] = answer
    return [answers[key] for key in sorted(answers)]


def zone_less_full(
    x: np.ndarray, y: np.ndarray, in_zone: np.ndarray, n_resamples: int, seed: int
) -> list[dict]:
    """rho inside the zone less rho over all quants, with a percentile interval.

    x: [m, n], y: [t, n], in_zone: [n] bool. Quants of the zone and the others are drawn apart, so
    that every resample has the zone's own n. Returns measurement, target, n_zone, n, rho_zone,
    rho_full, difference, ci_low, ci_high and reason. A zone where rho is "not significant" and a
    cohort where it is do not differ by that alone: this interval is what says so.
    """
    x, y = np.atleast_2d(np.asarray(x, float)), np.atleast_2d(np.asarray(y, float))
    in_zone = np.asarray(in_zone, bool)
    answers = {}
    for used, rows, columns, wanted in by_quants(x, y):
        zone = in_zone[used]
        n, n_zone = len(zone), int(zone.sum())
        if n_zone >= SMALLEST:
            inside, targets = x[rows][:, used], y[columns][:, used]
            counts = np.empty((n_resamples, n))
            counts[:, zone] = resamples(n_zone, n_resamples, seed)
            if n > n_zone:
                counts[:, ~zone] = resamples(n - n_zone, n_resamples, seed + 1)
            full, part = (
                replicate_rho(inside, targets, np.ones((1, n)))[0],
                replicate_rho(inside, targets, 1.0 * zone[None])[0],
            )
            replicates = replicate_rho(inside, targets, counts * zone) - replicate_rho(
                inside, targets, counts
            )
        for i, j in wanted:
            answer = {"measurement": i, "target": j, "n_zone": n_zone, "n": n} | dict.fromkeys(
                ("rho_zone", "rho_full", "difference", "ci_low", "ci_high")
            )
            a, b = rows.index(i), columns.index(j)
            if n_zone < SMALLEST:
                answer["reason"] = f"{n_zone} quants in the zone, {SMALLEST} needed"
            elif not np.isfinite(part[a, b]):
                answer["reason"] = "one side is the same for every quant of the zone"
            else:
                low, high = interval(replicates[:, a, b])
                answer |= {
                    "rho_zone": float(part[a, b]),
                    "rho_full": float(full[a, b]),
                    "difference": float(part[a, b] - full[a, b]),
                }
                answer |= {"ci_low": low, "ci_high": high, "reason": None}
            answers[i, j] = answer
    return [answers[key] for key in sorted(answers)]


def replicate_rho(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's rho of x [m, n] with y [t, n] in samples that hold each quant counts [B, n] times:
    [B, m, t].

    Rounded to 12 digits, so that equal samples give equal figures; NaN where a side is constant.
    """
    found = np.empty((len(counts), len(x), len(y)))
    for part in blocks(len(counts)):
        drawn = counts[part]
        rx, ry = _block_ranks(x, drawn), _block_ranks(y, drawn)
        weighted_x, weighted_y = rx * drawn[:, None], ry * drawn[:, None]
        spread = np.sqrt(
            np.einsum("bmn,bmn->bm", rx, weighted_x)[:, :, None]
            * np.einsum("btn,btn->bt", ry, weighted_y)[:, None]
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            found[part] = np.round(weighted_x @ ry.transpose(0, 2, 1) / spread, 12)
    return found


def fisher_z(rho: float, n: int, level: float = 0.95) -> tuple[float | None, float | None]:
    """Interval of Spearman's rho by Fisher's z with variance (1 + rho^2 / 2) / (n - 3); None, None
    for |rho| = 1.
    """
    from scipy.stats import norm

    if abs(rho) >= 1 or n <= 3:
        return None, None
    half = norm.ppf((1 + level) / 2) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


def known_correlation(rho: float | None, n: int | None) -> dict:
    """What a published Spearman's rho of n quants allows, without their figures: p_t, low and high
    (Fisher's z), minimum_rho, reason.
    """
    answer = {"n": n, "rho": rho} | dict.fromkeys(("p_t", "low", "high", "minimum_rho"))
    if rho is None or n is None:
        return answer | {
            "reason": "the number of quants is not known" if n is None else "rho is not known"
        }
    if n < SMALLEST:
        return answer | {"reason": f"{n} quants, {SMALLEST} needed"}
    from scipy.stats import t

    low, high = fisher_z(rho, n)
    return answer | {
        "p_t": float(t_p(rho, n, t)),
        "low": low,
        "high": high,
        "minimum_rho": minimum_resolvable_rho(n),
        "reason": None,
    }


def quants_for_absence(margin: float = 0.3, alpha: float = 0.05, power: float = 0.8) -> int:
    """Quants with which |rho| < margin can be shown (1 - 2 alpha interval inside +-margin) with
    this power if rho is 0.
    """
    from scipy.stats import norm

    return math.ceil(((norm.isf(alpha) + norm.isf((1 - power) / 2)) / math.atanh(margin)) ** 2 + 3)


def meng(rho_1: float, rho_2: float, between: float, n: int) -> float | None:
    """Two-sided p that two correlations with one target are equal; between: the two measurements'
    own correlation.
    """
    from scipy.stats import norm

    if max(abs(rho_1), abs(rho_2), abs(between)) >= 1:
        return None
    square = (rho_1**2 + rho_2**2) / 2
    f = min(1.0, (1 - between) / (2 * (1 - square)))
    h = (1 - f * square) / (1 - square)
    return float(
        2
        * norm.sf(
            abs(math.atanh(rho_1) - math.atanh(rho_2))
            * math.sqrt((n - 3) / (2 * (1 - between) * h))
        )
    )


def _block(
    x: np.ndarray,
    y: np.ndarray,
    n_permutations: int,
    n_resamples: int,
    seed: int,
    groups: np.ndarray,
) -> dict:
    """(row, column) -> what `correlate` says of it, bar p_max_t; x: [m, n], y: [t, n], nothing
    missing.
    """
    from scipy import stats

    n = x.shape[1]
    rx, ry = (
        np.array([_ranks_or_zero(row) for row in x]),
        np.array([_ranks_or_zero(row) for row in y]),
    )
    rho = replicate_rho(x, y, np.ones((1, n)))[0]
    replicates = replicate_rho(x, y, resamples(n, n_resamples, seed))
    jackknife = replicate_rho(x, y, 1 - np.eye(n))
    labels = np.unique(groups)
    without = (
        replicate_rho(x, y, 1.0 * (groups != labels[:, None]))
        if len(labels) > 1
        else np.full((1, *rho.shape), np.nan)
    )
    orders, observed = permutations(n, n_permutations, seed), np.abs(rx @ ry.T)
    # half-integers: sums are exact
    extreme = np.stack(
        [(np.abs(row[orders] @ rx.T) >= observed[:, j]).sum(0) for j, row in enumerate(ry)], 1
    )
    found = {}
    for i, j in np.ndindex(rho.shape):
        if not np.isfinite(rho[i, j]):
            found[i, j] = {"reason": "one side is the same for every quant"}
            continue
        kendall = stats.kendalltau(x[i], y[j])
        (low, high), (bca_low, bca_high), (z_low, z_high) = (
            interval(replicates[:, i, j]),
            bca(replicates[:, i, j], rho[i, j], jackknife[:, i, j]),
            fisher_z(rho[i, j], n),
        )
        left = without[:, i, j][np.isfinite(without[:, i, j])]
        found[i, j] = {
            "rho": float(rho[i, j]),
            "p_t": float(stats.spearmanr(x[i], y[j]).pvalue),
            "p_permutation": float((1 + extreme[i, j]) / (1 + n_permutations)),
            "ci_low": low,
            "ci_high": high,
            "bca_low": bca_low,
            "bca_high": bca_high,
            "z_low": z_low,
            "z_high": z_high,
            "kendall_tau": float(kendall.statistic),
            "kendall_p": number(kendall.pvalue),
            "somers_d": number(stats.somersd(x[i], y[j]).statistic),
            "without_group_low": number(left.min(initial=np.inf)),
            "without_group_high": number(left.max(initial=-np.inf)),
            "largest_compatible": 1.0 if z_low is None else max(abs(z_low), abs(z_high)),
            "minimum_rho": minimum_resolvable_rho(n),
            "reason": None,
        }
    return found


def by_quants(x: np.ndarray, y: np.ndarray):
    """Cells that use the same quants, together: (used [n] bool, rows, columns, cells (row,
    column)); a missing value is NaN.
    """
    together = {}
    for i, j in np.ndindex(len(x), len(y)):
        together.setdefault((np.isfinite(x[i]) & np.isfinite(y[j])).tobytes(), []).append((i, j))
    for used, wanted in together.items():
        yield (
            np.frombuffer(used, bool),
            sorted({i for i, _ in wanted}),
            sorted({j for _, j in wanted}),
            wanted,
        )


def _ranks_or_zero(values: np.ndarray) -> np.ndarray:
    """Mid-ranks less their mean [n]; 0 where the value is missing."""
    from scipy.stats import rankdata

    has = np.isfinite(values)
    ranks = np.zeros(len(values))
    if has.any():
        ranks[has] = rankdata(values[has]) - (has.sum() + 1) / 2
    return ranks


def _block_ranks(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """`stats.centred_ranks` of every row of values [m, n] in samples counts [b, n]: [b, m, n], by
    one matrix product.
    """
    m, n = values.shape
    # [m, n, n]
    below = (values[:, :, None] < values[:, None]) + 0.5 * (values[:, :, None] == values[:, None])
    return (counts @ below.transpose(1, 0, 2).reshape(n, m * n)).reshape(-1, m, n) - counts.sum(1)[
        :, None, None
    ] / 2
