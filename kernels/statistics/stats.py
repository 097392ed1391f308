"""Statistics over a cohort: pure functions on arrays, SciPy underneath. NaN never leaves here: a
reason does.

The paper reports Spearman's rho, its t-approximated p and percentile bootstrap intervals (B =
10,000 over quants). Permutation p, BCa interval and the smallest resolvable |rho| are ours.
"""

import math

import numpy as np

from .resampling import SMALLEST, bca, permutations, resamples


def spearman(x: list, y: list, n_permutations: int, n_resamples: int, seed: int) -> dict:
    """Spearman's rho of paired values with its uncertainty.

    x, y: equally long, one entry per quant; pairs with a None or NaN are left out. Returns n, rho,
    p_t (t approximation, two-sided, as the paper), p_permutation (add-one Monte Carlo, two-sided),
    percentile and BCa 95 % intervals over quants (re-ranked in every resample), minimum_rho (see
    `minimum_resolvable_rho`) and reason: why rho is None, or None.
    """
    from scipy import stats

    pairs = np.array(
        [(a, b) for a, b in zip(x or (), y or ()) if a is not None and b is not None], float
    ).reshape(-1, 2)
    pairs = pairs[np.isfinite(pairs).all(1)]
    n = len(pairs)
    answer = dict.fromkeys(
        ("rho", "p_t", "p_permutation", "ci_low", "ci_high", "bca_low", "bca_high", "minimum_rho"),
        None,
    )
    answer |= {"n": n, "reason": None}
    if n < SMALLEST:
        return answer | {"reason": f"{n} quants, {SMALLEST} needed"}
    x, y = pairs.T
    rx, ry = centred_ranks(x, np.ones(n)), centred_ranks(y, np.ones(n))
    if not rx.any() or not ry.any():
        return answer | {"reason": "one side is the same for every quant"}
    rho = _rho(x, y, np.ones(n))
    # half-integers: sums are exact
    extreme = np.abs(ry[permutations(n, n_permutations, seed)] @ rx) >= abs(rx @ ry)
    replicates = _rho(x, y, resamples(n, n_resamples, seed))
    # a resample with one side constant has no rho
    replicates = np.sort(replicates[np.isfinite(replicates)])
    low, high = np.quantile(replicates, (0.025, 0.975))
    accelerated = bca(replicates, rho, _rho(x, y, 1 - np.eye(n)))
    return answer | {
        "rho": float(rho),
        "p_t": float(t_p(rho, n, stats.t)),
        "p_permutation": float((1 + extreme.sum()) / (1 + n_permutations)),
        "ci_low": float(low),
        "ci_high": float(high),
        "bca_low": accelerated[0],
        "bca_high": accelerated[1],
        "minimum_rho": minimum_resolvable_rho(n),
    }


def minimum_resolvable_rho(n: int, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """Smallest |rho| that a two-sided test at alpha finds with this power among n quants.

    Fisher's z with the Bonett-Wright variance (1 + rho^2 / 2) / (n - 3), solved for rho. None below
    SMALLEST.
    """
    from scipy import optimize, stats

    if n < SMALLEST:
        return None
    critical, wanted = stats.norm.ppf(1 - alpha / 2) / math.sqrt(n - 3), stats.norm.ppf(power)

    def short(rho: float) -> float:
        return math.atanh(rho) - critical - wanted * math.sqrt((1 + rho**2 / 2) / (n - 3))

    return float(optimize.brentq(short, 1e-6, 1 - 1e-9))


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
    if rho is None:
        return f"no figure: {reason}"
    if p < 0.05 and low is not None and (low > 0 or high < 0):
        return f"resolved: {'rises' if rho > 0 else 'falls'} with distance from the reference"
    largest = 1.0 if low is None else max(abs(low), abs(high))
    return (
        f"cannot tell: |rho| up to {largest:.2f} is compatible; {n} quants resolve |rho| >="
        f" {minimum:.2f} (80 % power)"
    )


def centred_ranks(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mid-rank, less the mean rank, of every quant's value [n] in samples that hold it counts[...,
    n] times.

    One matrix product ranks all samples: what lies below a value counts whole, what equals it half.
    Nothing is sorted.
    """
    # [n, n]: row's quant under column's
    below = (values[:, None] < values) + 0.5 * (values[:, None] == values)
    return counts @ below - counts.sum(-1, keepdims=True) / 2


def _rho(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's rho in every sample [...], given how often each holds each quant [..., n]; NaN
    where a side is constant.
    """
    rx, ry = centred_ranks(x, counts), centred_ranks(y, counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (counts * rx * ry).sum(-1) / np.sqrt(
            (counts * rx**2).sum(-1) * (counts * ry**2).sum(-1)
        )


def t_p(rho: float, n: int, t) -> float:
    return 2 * t.sf(abs(rho) * math.sqrt((n - 2) / max(1 - rho**2, 1e-300)), n - 2)
