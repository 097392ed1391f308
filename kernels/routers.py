"""KLD as a router: send each prompt to the model that moved less from its own reference. Counted where exactly one of two models is right.

50 % is one comparison; always asking the better of the two is the other. Raw KLD also differs in scale between models, so three
routers are judged: raw KLD, each model's own rank of it over all prompts, and that rank within the prompt's group (benchmark).
"""

from itertools import combinations

import numpy as np

from .paired import difference_interval
from .resampling import SMALLEST

FIGURES = ("accuracy", "low", "high", "p", "better", "gain", "gain_low", "gain_high")


def routers(kld: np.ndarray, passed: np.ndarray, groups: list) -> list[dict]:
    """Every two models (or quants) of kld, passed [q, n]; groups: [n]. See `router`; first and second are row numbers."""
    kld, passed = np.atleast_2d(np.asarray(kld, float)), np.atleast_2d(np.asarray(passed, float))
    return [{"first": a, "second": b} | router(kld[[a, b]], passed[[a, b]], groups) for a, b in combinations(range(len(kld)), 2)]


def router(kld: np.ndarray, passed: np.ndarray, groups: list) -> dict:
    """Two models on the same prompts: kld, passed [2, n] (NaN where missing), groups [n].

    Returns disagreements (prompts that exactly one passes), first_right and, for each of raw, ranked and within: ties (equal values,
    left out), accuracy with its Wilson interval and exact p against 50 %; better, the share right of always asking the model that is
    right more often on these same prompts (for within: in each group), and gain, accuracy less better, with Tango's interval.
    Choosing the better model on the prompts it is judged on flatters it a little. All None with a reason below SMALLEST.
    """
    from scipy.stats import binomtest

    kld, passed = np.asarray(kld, float), np.asarray(passed, float)
    known = np.isfinite(kld).all(0) & np.isfinite(passed).all(0)
    kld, right = kld[:, known], passed[:, known] > 0.5
    kinds = np.unique([str(group) for group in groups], return_inverse=True)[1][known]
    divided = right[0] != right[1]
    answer = {"disagreements": int(divided.sum()), "first_right": int((divided & right[0]).sum()), "reason": None}
    answer |= {f"{kind}_{figure}": None for kind in ("raw", "ranked", "within") for figure in ("ties", *FIGURES)}
    if divided.sum() < SMALLEST:
        return answer | {"reason": f"{divided.sum()} prompts divide the two models, {SMALLEST} needed"}
    reasons = []
    for kind, values, parts in (("raw", kld, None), ("ranked", _ranks(kld, None), None), ("within", _ranks(kld, kinds), kinds)):
        gap = values[0] - values[1]
        counted = divided & (gap != 0)
        n = int(counted.sum())
        answer[f"{kind}_ties"] = int(divided.sum()) - n
        if n < SMALLEST:
            reasons.append(f"{kind}: {n} prompts with unequal values, {SMALLEST} needed")
            continue
        routed, first = (gap < 0)[counted] == right[0][counted], right[0][counted]
        better = _always_better(first, np.zeros(n, int) if parts is None else parts[counted])
        found = binomtest(int(routed.sum()), n)
        low, high = found.proportion_ci(method="wilson")
        gain_low, gain_high = difference_interval(int((routed & ~better).sum()), int((better & ~routed).sum()), n)
        figures = (found.statistic, low, high, found.pvalue, better.mean(), routed.mean() - better.mean(), gain_low, gain_high)
        answer |= {f"{kind}_{name}": float(value) for name, value in zip(FIGURES, figures)}
    return answer | {"reason": "; ".join(reasons) or None}


def _ranks(kld: np.ndarray, kinds: np.ndarray | None) -> np.ndarray:
    """Each model's share of prompts (of the group) at or below its KLD, mid-rank, in (0, 1): [2, n]."""
    from scipy.stats import rankdata

    ranks = np.empty_like(kld)
    for kind in [None] if kinds is None else np.unique(kinds):
        here = slice(None) if kind is None else kinds == kind
        part = kld[:, here]
        ranks[:, here] = rankdata(part, axis=1) / (part.shape[1] + 1)
    return ranks


def _always_better(first_right: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Whether the model that is right more often (in the prompt's part) is right, for each disagreement [n]."""
    better = np.empty(len(first_right), bool)
    for part in np.unique(parts):
        here = parts == part
        better[here] = first_right[here] if 2 * first_right[here].sum() >= here.sum() else ~first_right[here]
    return better
