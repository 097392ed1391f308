"""Which quants form the silent zone: four rules, and what choosing by the score itself does to rho.

kld_max looks at the measurement alone. The other three look at the score, and a quant that was
lucky on these prompts gets in more easily; then the same luck counts in rho. Cross-fitting chooses
on one half of the prompts and ranks on the other.
"""

import numpy as np

from .resampling import SMALLEST, number, permutations

RULES = ("kld_max", "score_tol", "tost", "not_different")


def members(
    rule: str, threshold: float, measure: np.ndarray, differences: np.ndarray, errors: np.ndarray
) -> np.ndarray:
    """Members [q] bool by one of RULES; measure, differences (score less the reference's), errors
    of those: [q]; NaN is never a member.

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
    benchmarks: list,
    weights: dict | None,
    seed: int,
    splits: int = 200,
) -> dict:
    """rho of measurement and composite among members, chosen on one half of the prompts and ranked
    on the other.

    measure: [q]; gains: [q, n] score less the reference's of every prompt, none missing;
    benchmarks: [n], each halved on its own; weights: benchmark -> weight, equal if None. Both
    halves take both parts in every split. Returns rho (mean over splits), rho_same_half (choosing
    and ranking on the same half: what the luck of choosing adds), members (mean number), splits
    (that had members enough) and reason.
    """
    from .clusters import rank_correlation

    measure, gains = np.asarray(measure, float), np.atleast_2d(np.asarray(gains, float))
    names = np.array([str(name) for name in benchmarks])
    sizes = {name: int((names == name).sum()) for name in np.unique(names)}
    answer = {"rho": None, "rho_same_half": None, "members": None, "splits": 0}
    if (
        not sizes
        or min(sizes.values()) < 4
        or not np.isfinite(gains).all()
        or not np.isfinite(measure).all()
    ):
        return answer | {"reason": "each benchmark needs 4 prompts or more that all have answered"}
    total = sum((weights or {}).get(name, 1.0) for name in sizes)
    halves, variances = np.zeros((2, splits, len(measure))), np.zeros((2, splits, len(measure)))
    for k, (name, size) in enumerate(sizes.items()):
        part, share = gains[:, names == name].T, (weights or {}).get(name, 1.0) / total
        first = (permutations(size, splits, seed + k) < size // 2).astype(float)
        for side, chosen in enumerate((first, 1 - first)):
            n = chosen.sum(1, keepdims=True)
            means = chosen @ part / n
            halves[side] += share * means
            variances[side] += share**2 * np.maximum(chosen @ part**2 / n - means**2, 0) / n
    other, same, count = [], [], []
    for side in (0, 1):
        for k in range(splits):
            inside = members(rule, threshold, measure, halves[side, k], np.sqrt(variances[side, k]))
            if inside.sum() >= SMALLEST:
                values = np.stack([halves[1 - side, k, inside], halves[side, k, inside]])
                fresh, chosen_on = rank_correlation(
                    np.broadcast_to(measure[inside], values.shape), values
                )
                if np.isfinite(fresh) and np.isfinite(chosen_on):
                    other.append(fresh)
                    same.append(chosen_on)
                    count.append(inside.sum())
    if not other:
        return answer | {"reason": f"no split has {SMALLEST} members that can be ranked"}
    return {
        "rho": number(np.mean(other)),
        "rho_same_half": number(np.mean(same)),
        "members": number(np.mean(count)),
        "splits": len(other) // 2,
        "reason": None,
    }


def cross_fit_weighted(
    rule: str,
    threshold: float,
    measure: list,
    scores: list,
    reference: list,
    benchmarks: list,
    weights: list,
    seed: int,
) -> dict:
    """`cross_fit` for scores [q, n] and the reference's [n], with each prompt's benchmark weight
    [n] in place of the table of weights.
    """
    return cross_fit(
        rule,
        threshold,
        measure,
        np.asarray(scores, float) - np.asarray(reference, float),
        benchmarks,
        dict(zip(benchmarks, weights)),
        seed,
    )
