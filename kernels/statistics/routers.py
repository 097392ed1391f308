"""KLD as a router: send each prompt to the model that moved less from its own reference.

Counted where exactly one of two models is right. 50 % is one comparison; always asking the better
of the two is the other. Raw KLD also differs in scale between models, so three routers are judged:
raw KLD, each model's own rank of it over all prompts, and that rank within the prompt's group
(benchmark).
"""

from itertools import combinations
from typing import Any

import numpy as np

from .draws import SMALLEST
from .paired import difference_interval, improvement_share, mcnemar
from .texts import Labels, design_effect, units

FIGURES = ("accuracy", "low", "high", "p", "better", "gain", "gain_low", "gain_high")


def routers(
    kld: np.ndarray, passed: np.ndarray, groups: Labels, texts: Labels | None = None
) -> list[dict]:
    """Every two models (or quants) on the same prompts.

    kld, passed: [q, n], NaN where missing; groups: [n]; texts: [n], whose items count as one where
    they go together (texts.design_effect). Returns first and second (row numbers), disagreements
    (prompts that exactly one passes), first_right and, for each of raw, ranked and within: ties
    (equal values, left out), accuracy with its Wilson interval and exact p against 50 %; better,
    the share right of always asking the model that is right more often on these same prompts (for
    within: in each group), and gain, accuracy less better, with Tango's interval. Choosing the
    better model on the prompts it is judged on flatters it a little. reason says what is None and
    why.
    """
    kld, passed = np.atleast_2d(np.asarray(kld, float)), np.atleast_2d(np.asarray(passed, float))
    kld = np.where(np.isfinite(kld) & np.isfinite(passed), kld, np.nan)
    kinds = np.unique([str(group) for group in groups], return_inverse=True)[1]
    values = {"raw": kld, "ranked": _ranks(kld, np.zeros_like(kinds)), "within": _ranks(kld, kinds)}
    unit = units(texts, len(kinds))
    answers = []
    for a, b in combinations(range(len(kld)), 2):
        both = {kind: rows[[a, b]] for kind, rows in values.items()}
        answers.append({"first": a, "second": b} | _router(both, passed[[a, b]] > 0.5, kinds, unit))
    return answers


def _router(
    values: dict[str, np.ndarray], right: np.ndarray, kinds: np.ndarray, unit: np.ndarray
) -> dict:
    """Two models: values of each router [2, n], NaN where either lacks the prompt.

    right: [2, n] bool; kinds, unit (its text): [n].
    """
    divided = (right[0] != right[1]) & np.isfinite(values["raw"]).all(0)
    total = int(divided.sum())
    answer: dict[str, Any] = {
        "disagreements": total,
        "first_right": int((divided & right[0]).sum()),
    }
    answer |= dict.fromkeys(f"{kind}_{figure}" for kind in values for figure in ("ties", *FIGURES))
    if total < SMALLEST:
        return answer | {"reason": f"{total} prompts divide the two models, {SMALLEST} needed"}
    reasons = []
    for kind, (own, other) in values.items():
        counted = divided & (own != other)
        n = int(counted.sum())
        answer[f"{kind}_ties"] = total - n
        if n < SMALLEST:
            reasons.append(f"{kind}: {n} prompts with unequal values, {SMALLEST} needed")
            continue
        first = right[0][counted]
        routed = (own < other)[counted] == first
        better = _always_better(first, kinds[counted] if kind == "within" else np.zeros(n, int))
        judged = _judged(routed, better, units(unit[counted]))
        answer |= {f"{kind}_{name}": figure for name, figure in judged.items()}
    return answer | {"reason": "; ".join(reasons) or None}


def _judged(routed: np.ndarray, better: np.ndarray, unit: np.ndarray) -> dict[str, float]:
    """FIGURES of a router: whether it, and always asking the better, was right [n]."""
    effect = design_effect(routed.astype(float), unit)
    right, wrong = routed.sum() / effect, (~routed).sum() / effect
    accuracy, low, high = improvement_share(right, wrong)
    gains = routed.astype(float) - better
    effect = design_effect(gains, unit)
    counts = ((gains > 0).sum() / effect, (gains < 0).sum() / effect, len(gains) / effect)
    figures = (
        accuracy,
        low,
        high,
        mcnemar(right, wrong),
        better.mean(),
        routed.mean() - better.mean(),
        *difference_interval(*counts),
    )
    return dict(zip(FIGURES, map(float, figures)))


def _ranks(kld: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Each model's share of its own prompts of the same kind at or below its KLD: [q, n].

    By mid-ranks, in (0, 1); NaN where missing.
    """
    from scipy.stats import rankdata

    ranks = np.empty_like(kld)
    for kind in np.unique(kinds):
        part = kld[:, kinds == kind]
        ranks[:, kinds == kind] = rankdata(part, axis=1, nan_policy="omit") / (
            np.isfinite(part).sum(1, keepdims=True) + 1
        )
    return ranks


def _always_better(first_right: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Whether the model that is right more often in the prompt's part is right here, [n] bool."""
    better = np.empty(len(first_right), bool)
    for part in np.unique(parts):
        here = parts == part
        better[here] = (
            first_right[here] if 2 * first_right[here].sum() >= here.sum() else ~first_right[here]
        )
    return better
