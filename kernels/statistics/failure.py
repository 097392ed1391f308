"""Do failed prompts have more KLD than passed ones? Three ways: pooled, within groups, and matched.

Pooled figures mislead: a benchmark that is hard and long has both more failures and more KLD.
Within compares prompts of one group (benchmark) only; matched compares prompts of one stratum,
`strata`: a group cut further by the reference's entropy, the length, or the reference's own
outcome. KLD is in nats per prompt; failed is 1 or 0, NaN where the quant did not answer.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .draws import SMALLEST, blocks, draw
from .intervals import interval
from .texts import Labels, Prompts, count, prompts, units

KINDS, FIGURES = ("pooled", "within", "matched"), ("ratio", "low", "high", "p")

Strata = list[np.ndarray]  # positions of each stratum's prompts


def strata(groups: Labels, confounders: Sequence[np.ndarray], bins: int = 4) -> np.ndarray:
    """Labels [n] of prompts alike: same group, and same bin of every confounder [n].

    Bins are equally full, within the group.
    """
    numbers = np.unique([str(group) for group in groups], return_inverse=True)[1]
    labels = numbers.astype(str)
    for confounder in confounders:
        values, cut = np.asarray(confounder, float), np.full(len(numbers), -1)
        for group in np.unique(numbers):
            here = (numbers == group) & np.isfinite(values)
            if here.any():
                edges = np.quantile(values[here], np.arange(1, bins) / bins)
                cut[here] = np.searchsorted(edges, values[here])
        labels = np.array([f"{label}/{k}" for label, k in zip(labels, cut)], str)
    return labels


def failure_ratios(
    kld: np.ndarray,
    failed: np.ndarray,
    groups: Labels | Prompts,
    matched: Labels | None,
    n_resamples: int,
    seed: int,
    clip: float,
) -> list[dict]:
    """Geometric-mean KLD of failed over passed prompts, for several quants on the same prompts.

    kld, failed: [q, n]; groups: [n] benchmarks; matched: [n] labels from `strata`, or None; clip:
    the smallest KLD that has a logarithm (nats). Within and matched ratios weigh a stratum by
    failed x passed / all (a regression's weights). 95 % intervals: texts resampled within their
    benchmark, the same draws for every quant. p: the failures of texts permuted within the stratum,
    by the permutations' exact mean and variance (texts of several items: as if of equal size).
    Returns for each quant n_failed, n_passed, clipped, {pooled, within, matched}_{ratio, low, high,
    p} and reason.
    """
    kld, failed = np.atleast_2d(np.asarray(kld, float)), np.atleast_2d(np.asarray(failed, float))
    known = np.isfinite(kld) & np.isfinite(failed)
    logs = np.log(np.where(known, np.maximum(kld, clip), 1.0))
    failing, passing = known & (failed > 0.5), known & ~(failed > 0.5)
    labels, texts = prompts(groups)
    unit = units(texts, kld.shape[1])
    parts = {"pooled": [np.arange(kld.shape[1])], "within": positions(labels)}
    parts |= {} if matched is None else {"matched": positions(matched)}
    # [n, 4 q]: sums and counts of both kinds
    columns = np.concatenate([logs * failing, failing, logs * passing, passing]).T
    once = np.ones((1, kld.shape[1]))
    observed = {kind: _log_ratio(once, columns, part)[0] for kind, part in parts.items()}
    replicates, answers = _log_ratio_replicates(columns, parts, unit, n_resamples, seed), []
    for k in range(len(kld)):
        counts = {"n_failed": int(failing[k].sum()), "n_passed": int(passing[k].sum())}
        answer: dict[str, Any] = counts | {"clipped": int((known[k] & (kld[k] < clip)).sum())}
        answer |= {f"{kind}_{name}": None for kind in KINDS for name in FIGURES}
        if min(counts.values()) < SMALLEST:
            answers.append(answer | {"reason": too_few_of_each(*counts.values())})
            continue
        reasons = []
        for kind, part in parts.items():
            if not np.isfinite(observed[kind][k]):
                reasons.append(f"{kind}: no stratum has failed and passed prompts")
                continue
            ends = interval(np.exp(replicates[kind][:, k]))
            p = _permutation_p(logs[k], (failing[k], passing[k]), part, unit)
            figures = float(np.exp(observed[kind][k])), *ends, p
            answer |= {f"{kind}_{name}": value for name, value in zip(FIGURES, figures)}
        answers.append(answer | {"reason": "; ".join(reasons) or None})
    return answers


def positions(labels: Labels) -> Strata:
    """Positions of each label's prompts."""
    kinds = np.unique([str(label) for label in labels], return_inverse=True)[1]
    return [np.flatnonzero(kinds == kind) for kind in range(kinds.max(initial=-1) + 1)]


def too_few_of_each(n_failed: int, n_passed: int) -> str:
    """The reason of a figure that lacks failed or passed prompts."""
    return (
        f"{n_failed} failed and {n_passed} passed prompts that can be compared, {SMALLEST} of each"
        " needed"
    )


def _log_ratio_replicates(
    columns: np.ndarray, parts: dict[str, Strata], unit: np.ndarray, n_resamples: int, seed: int
) -> dict[str, np.ndarray]:
    """kind -> ln of the ratio [B, q] with texts resampled within their group."""
    n, quants = len(columns), columns.shape[1] // 4
    found = {kind: np.empty((n_resamples, quants)) for kind in parts}
    rng = np.random.default_rng(seed)
    for block in blocks(n_resamples):
        counts = np.empty((block.stop - block.start, n))
        for members in parts["within"]:
            own = units(unit[members])
            counts[:, members] = draw(count(own), len(counts), rng)[:, own]
        for kind, part in parts.items():
            found[kind][block] = _log_ratio(counts, columns, part)
    return found


def _log_ratio(counts: np.ndarray, columns: np.ndarray, parts: Strata) -> np.ndarray:
    """ln of the ratio [B, q] in samples counts [B, n]; columns: [n, 4 q].

    Strata without both kinds say nothing; NaN if none has both.
    """
    above = below = np.zeros((len(counts), columns.shape[1] // 4))
    for members in parts:
        failed_sum, n_failed, passed_sum, n_passed = np.split(
            counts[:, members] @ columns[members], 4, axis=1
        )
        both = (n_failed > 0) & (n_passed > 0)
        gap = failed_sum / np.where(both, n_failed, 1) - passed_sum / np.where(both, n_passed, 1)
        weight = np.where(both, n_failed * n_passed / np.where(both, n_failed + n_passed, 1), 0.0)
        above, below = above + weight * gap, below + weight
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)


def _permutation_p(
    logs: np.ndarray, outcomes: tuple[np.ndarray, np.ndarray], parts: Strata, unit: np.ndarray
) -> float | None:
    """Two-sided p of the failed prompts' summed ln KLD, failures dealt anew within each stratum.

    outcomes: failing and passing, [n] bool; a text is dealt the failures of another text.
    """
    from scipy.stats import norm

    failing, passing = outcomes
    gap = variance = 0.0
    for members in parts:
        here = members[(failing | passing)[members]]
        n, n_failed = len(here), failing[here].sum()
        own = units(unit[here])
        texts = count(own)
        if 0 < n_failed < n and texts > 1:
            mean = logs[here].mean()
            gap += logs[here][failing[here]].sum() - n_failed * mean
            sizes = np.bincount(own)
            moved = np.bincount(own, logs[here] - mean) / sizes
            failures = np.bincount(own, failing[here])
            variance += (moved**2).sum() * failures.var() * texts / (texts - 1)
    return float(2 * norm.sf(abs(gap) / np.sqrt(variance))) if variance > 0 else None
