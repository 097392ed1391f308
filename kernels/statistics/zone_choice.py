"""Which quants form the silent zone: four rules, and what choosing by the score itself does to rho.

kld_max looks at the measurement alone. The other three look at the score, and a quant that was
lucky on these prompts gets in more easily; then the same luck counts in rho. Cross-fitting chooses
on one half of the prompts and ranks on the other.
"""

import numpy as np

from .composites import Part, Weights, by_benchmark
from .draws import SMALLEST, halves
from .ranks import rho_by_row
from .texts import Labels, Prompts, count

RULES = ("kld_max", "score_tol", "tost", "not_different")


def members(
    rule: str, threshold: float, measure: np.ndarray, differences: np.ndarray, errors: np.ndarray
) -> np.ndarray:
    """Members [q] bool by one of RULES; SQL's fct_zone_members says the same.

    measure, differences (score less the reference's), errors of those: [q]; NaN is never a member.
    kld_max: measure <= threshold (nats); score_tol: difference >= -threshold; tost: shown at 5 % to
    lie within +-threshold; not_different: the test of no difference at level threshold does not
    refuse. Raises ValueError for another rule.
    """
    from scipy.stats import norm

    measure, differences, errors = (
        np.asarray(values, float) for values in (measure, differences, errors)
    )
    if rule == "kld_max":
        return measure <= threshold
    if rule == "score_tol":
        return differences >= -threshold
    if rule == "tost":
        return np.abs(differences) + norm.ppf(0.95) * errors < threshold
    if rule == "not_different":
        return np.abs(differences) <= norm.isf(threshold / 2) * errors
    raise ValueError(f"zone rule {rule!r} is none of {', '.join(RULES)}")


def cross_fit(
    rule: str,
    threshold: float,
    measure: np.ndarray,
    gains: np.ndarray,
    benchmarks: Labels | Prompts,
    weights: Weights | None,
    seed: int,
    n_splits: int,
) -> dict:
    """rho of measurement and composite among members, chosen on one half, ranked on the other.

    measure: [q]; gains: [q, n] score less the reference's of every prompt, none missing;
    benchmarks: [n], each halved on its own; weights: benchmark -> weight, equal if None. Both
    halves take both parts in every split. Returns rho (mean over splits), rho_same_half (choosing
    and ranking on the same half: what the luck of choosing adds), members (mean number), splits
    (that had members enough) and reason.
    """
    measure, gains = np.asarray(measure, float), np.atleast_2d(np.asarray(gains, float))
    parts = by_benchmark(gains, benchmarks, weights)
    answer = {"rho": None, "rho_same_half": None, "members": None, "splits": 0}
    whole = np.isfinite(gains).all() and np.isfinite(measure).all()
    if not parts or min(count(part.unit) for part in parts) < 4 or not whole:
        return answer | {"reason": "each benchmark needs 4 prompts or more that all have answered"}
    means, errors = _halved(parts, seed, n_splits)
    found = []
    for side in (0, 1):
        for k in range(n_splits):
            inside = members(rule, threshold, measure, means[side, k], errors[side, k])
            if inside.sum() >= SMALLEST:
                values = np.stack([means[1 - side, k, inside], means[side, k, inside]])
                rho = rho_by_row(np.broadcast_to(measure[inside], values.shape), values)
                if np.isfinite(rho).all():
                    found.append((*rho, inside.sum()))
    if not found:
        return answer | {"reason": f"no split has {SMALLEST} members that can be ranked"}
    fresh, same, chosen = np.mean(found, axis=0).tolist()
    return {
        "rho": fresh,
        "rho_same_half": same,
        "members": chosen,
        "splits": len(found) // 2,
        "reason": None,
    }


def cross_fit_weighted(
    rule: str,
    threshold: float,
    measure: list,
    scores: list,
    reference: list,
    asked: list,
    weights: list,
    seed: int,
    n_splits: int,
) -> dict:
    """`cross_fit` for scores [q, n] and the reference's [n], with each prompt's weight [n].

    asked: [benchmarks, texts], each [n], as in Prompts.
    """
    gains = np.asarray(scores, float) - np.asarray(reference, float)
    x, table = np.asarray(measure), dict(zip(asked[0], weights))
    return cross_fit(rule, threshold, x, gains, Prompts(*asked), table, seed, n_splits)


def _halved(parts: list[Part], seed: int, n_splits: int) -> tuple[np.ndarray, np.ndarray]:
    """Composite gains of both halves of every split, [2, s, q], and their standard errors.

    Halves are of texts; the squares below are of a text's sum less the mean times its items.
    """
    q = parts[0].scores.shape[1]
    means, variances = np.zeros((2, n_splits, q)), np.zeros((2, n_splits, q))
    for k, (share, part, unit) in enumerate(parts):
        sizes = np.bincount(unit)[:, None]
        sums = np.zeros((len(sizes), q))
        np.add.at(sums, unit, part)
        first = halves(len(sizes), n_splits, seed + k)
        for side, chosen in enumerate((first, 1 - first)):
            n = chosen @ sizes
            mean = chosen @ sums / n
            both, squares = chosen @ (sums * sizes) / n, chosen @ sizes**2 / n
            spread = chosen @ sums**2 / n - mean * (2 * both - mean * squares)
            means[side] += share * mean
            variances[side] += share**2 * np.maximum(spread, 0) / n
    return means, np.sqrt(variances)
