"""Does a prompt's KLD foretell that the quant fails it? Every figure three ways: pooled, within
groups, and matched.

Pooled figures mislead: a benchmark that is hard and long has both more failures and more KLD.
Within compares prompts of one group (benchmark) only; matched compares prompts of one stratum,
`strata`: a group cut further by the reference's entropy, the length, or the reference's own
outcome. KLD is in nats per prompt; failed is 1 or 0, NaN where the quant did not answer.
"""

import numpy as np

from .resampling import SMALLEST, blocks, draw, interval, number

CLIP = 1e-9  # nats: smallest KLD that has a logarithm


def strata(groups: list, confounders: list, bins: int = 4) -> np.ndarray:
    """Labels [n] of prompts alike: same group, and same bin (equally full, within the group) of
    every confounder [n].
    """
    groups = np.unique([str(group) for group in groups], return_inverse=True)[1]
    labels = groups.astype(str)
    for values in confounders:
        values, cut = np.asarray(values, float), np.full(len(groups), -1)
        for group in np.unique(groups):
            here = (groups == group) & np.isfinite(values)
            if here.any():
                cut[here] = np.searchsorted(
                    np.quantile(values[here], np.arange(1, bins) / bins), values[here]
                )
        labels = np.array([f"{label}/{k}" for label, k in zip(labels, cut)], str)
    return labels


def failure_ratios(
    kld: np.ndarray,
    failed: np.ndarray,
    groups: list,
    matched: list | None,
    n_resamples: int,
    seed: int,
    clip: float = CLIP,
) -> list[dict]:
    """Geometric-mean KLD of failed over passed prompts, for several quants on the same prompts.

    kld, failed: [q, n]; groups: [n] benchmarks; matched: [n] labels from `strata`, or None. Within
    and matched ratios weigh a stratum by failed x passed / all (a regression's weights). 95 %
    intervals: prompts resampled within their benchmark, the same draws for every quant. p: labels
    permuted within the stratum, by the permutations' exact mean and variance. Returns for each
    quant n_failed, n_passed, clipped, {pooled, within, matched}_{ratio, low, high, p} and reason.
    """
    kld, failed = np.atleast_2d(np.asarray(kld, float)), np.atleast_2d(np.asarray(failed, float))
    known = np.isfinite(kld) & np.isfinite(failed)
    logs = np.log(np.where(known, np.maximum(kld, clip), 1.0))
    failing, passing = known * (failed > 0.5), known * ~(failed > 0.5)
    # [n, 4 q]: sums and counts of both kinds
    columns = np.concatenate([logs * failing, failing, logs * passing, passing]).T
    parts = {"pooled": [np.arange(kld.shape[1])], "within": _members(groups)} | (
        {"matched": _members(matched)} if matched is not None else {}
    )
    replicates = {kind: np.empty((n_resamples, len(kld))) for kind in parts}
    rng = np.random.default_rng(seed)
    for block in blocks(n_resamples):
        counts = np.empty((block.stop - block.start, kld.shape[1]))
        for members in parts["within"]:
            counts[:, members] = draw(len(members), len(counts), rng)
        for kind, strata_ in parts.items():
            replicates[kind][block] = _log_ratio(counts, columns, strata_)
    observed = {
        kind: _log_ratio(np.ones((1, kld.shape[1])), columns, strata_)[0]
        for kind, strata_ in parts.items()
    }
    return [
        _ratio_answer(
            k,
            observed,
            replicates,
            parts,
            logs[k],
            failing[k],
            passing[k],
            int((known[k] & (kld[k] < clip)).sum()),
        )
        for k in range(len(kld))
    ]


def prediction(
    kld: np.ndarray,
    failed: np.ndarray,
    groups: list,
    lengths: list,
    entropies: list,
    n_resamples: int,
    seed: int,
) -> list[dict]:
    """Everything about every quant: `failure_ratios` (matched by length and the reference's
    entropy), AUROC and lift, pooled and within groups.

    kld, failed: [q, n]; groups, lengths, entropies: [n]. Returns for each quant its row number, the
    ratios' figures, {auroc, auroc_within, lift, lift_within} with _low and _high, and reason.
    """
    kld, failed = np.atleast_2d(np.asarray(kld, float)), np.atleast_2d(np.asarray(failed, float))
    answers = failure_ratios(
        kld, failed, groups, strata(groups, [lengths, entropies]), n_resamples, seed
    )
    for name, labels in (("lift", None), ("lift_within", groups)):
        for answer, found in zip(answers, lift(kld, failed, labels, n_resamples, seed)):
            answer |= {
                name: found["lift"],
                f"{name}_low": found["low"],
                f"{name}_high": found["high"],
            }
    for quant, answer in enumerate(answers):
        answer["quant"] = quant
        for name, labels in (("auroc", None), ("auroc_within", groups)):
            found = auroc(kld[quant], failed[quant], labels)
            answer |= {
                name: found["auroc"],
                f"{name}_low": found["low"],
                f"{name}_high": found["high"],
            }
    return answers


def auroc(
    values: np.ndarray, failed: np.ndarray, labels: list | None = None, level: float = 0.95
) -> dict:
    """Probability that a failed prompt has the larger value than a passed one (ties half), with
    DeLong's error.

    values, failed: [n]; labels: [n] strata inside which alone prompts are compared, or None for
    pooled. The interval is taken on the logit scale. Returns auroc, standard_error, low, high, p
    (against 0.5), n_failed, n_passed, reason.
    """
    from scipy import special, stats

    area, influence, n_failed, n_passed = _placements(values, failed, labels)
    answer = dict.fromkeys(("auroc", "standard_error", "low", "high", "p")) | {
        "n_failed": n_failed,
        "n_passed": n_passed,
    }
    if area is None:
        return answer | {"reason": _too_few(n_failed, n_passed)}
    error = float(np.sqrt((influence**2).sum()))
    answer |= {"auroc": area, "standard_error": error}
    if error == 0 or not 0 < area < 1:
        return answer | {"reason": "failed and passed prompts do not overlap: no interval"}
    half = stats.norm.ppf((1 + level) / 2) * error / (area * (1 - area))
    low, high = special.expit(special.logit(area) + np.array([-half, half]))
    return answer | {
        "low": float(low),
        "high": float(high),
        "p": float(2 * stats.norm.sf(abs(area - 0.5) / error)),
        "reason": None,
    }


def auroc_difference(
    first: np.ndarray, second: np.ndarray, failed: np.ndarray, labels: list | None = None
) -> dict:
    """AUROC of one measure less another's on the same prompts, with DeLong's paired error:
    difference, low, high, p, reason.
    """
    from scipy import stats

    both = np.isfinite(np.asarray(first, float)) & np.isfinite(np.asarray(second, float))
    failed = np.where(both, np.asarray(failed, float), np.nan)
    area, influence, n_failed, n_passed = _placements(first, failed, labels)
    answer = dict.fromkeys(("difference", "low", "high", "p"))
    if area is None:
        return answer | {"reason": _too_few(n_failed, n_passed)}
    other, influence_other, _, _ = _placements(second, failed, labels)
    error, difference = float(np.sqrt(((influence - influence_other) ** 2).sum())), area - other
    if error == 0:
        return answer | {
            "difference": difference,
            "reason": "both rank the prompts alike: no interval",
        }
    half = float(stats.norm.ppf(0.975)) * error
    return {
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "p": float(2 * stats.norm.sf(abs(difference) / error)),
        "reason": None,
    }


def lift(
    kld: np.ndarray,
    failed: np.ndarray,
    labels: list | None,
    n_resamples: int,
    seed: int,
    share: float = 0.1,
) -> list[dict]:
    """How much oftener the prompts of the top share by KLD fail than all: what a guard on KLD would
    gain, for several quants.

    kld, failed: [q, n]; labels: [n] groups, each with its own top share, or None for one top over
    all. Prompts of equal KLD share their failures. Returns for each quant lift, low, high (95 %,
    prompts resampled within groups), base_rate, top_rate, reason.
    """
    kld, failed = np.atleast_2d(np.asarray(kld, float)), np.atleast_2d(np.asarray(failed, float))
    known = np.isfinite(kld) & np.isfinite(failed)
    kld, failing = np.where(known, kld, -np.inf), known & (failed > 0.5)
    n_failed, n_passed = failing.sum(1), (known & ~failing).sum(1)
    # failures in the top, prompts, failures; first the data itself
    rng, sums = np.random.default_rng(seed), np.zeros((3, len(kld), 1 + n_resamples))
    for members in [np.arange(kld.shape[1])] if labels is None else _members(labels):
        # more prompts than the top of any resample needs
        reach = int(3 * share * len(members)) + 50
        ordered = [
            [
                part[:reach]
                for part in _by_falling_kld(kld[k, members], failing[k, members], known[k, members])
            ]
            for k in range(len(kld))
        ]
        for block in blocks(1 + n_resamples):
            counts = draw(len(members), block.stop - block.start, rng)
            if block.start == 0:
                counts[0] = 1
            for k, (order, failures) in enumerate(ordered):
                size = counts @ known[k, members]
                sums[:, k, block] += (
                    _top(counts[:, order], share * size) @ failures,
                    size,
                    counts @ failing[k, members],
                )
    with np.errstate(invalid="ignore", divide="ignore"):
        found = sums[0] / (share * sums[2])
    answers = []
    for k in range(len(kld)):
        answer = dict.fromkeys(("lift", "low", "high", "base_rate", "top_rate"))
        if min(n_failed[k], n_passed[k]) < SMALLEST:
            answers.append(answer | {"reason": _too_few(n_failed[k], n_passed[k])})
            continue
        (low, high), (top, size, all_failed) = interval(found[k, 1:]), sums[:, k, 0].tolist()
        top_rate, base_rate = top / (share * size), all_failed / size
        answers.append(
            {
                "lift": top_rate / base_rate,
                "low": low,
                "high": high,
                "base_rate": base_rate,
                "top_rate": top_rate,
                "reason": None,
            }
        )
    return answers


def within_prompt(
    kld: np.ndarray, failed: np.ndarray, n_resamples: int, seed: int, clip: float = CLIP
) -> dict:
    """The same prompt, failed by some quants and passed by others: geometric-mean KLD of the
    failing over the passing quants.

    kld, failed: [q, n]. Each quant's own mean ln KLD is taken off first, so that a coarse quant
    does not count as a hard prompt. What a prompt does to all quants alike cancels. Returns prompts
    (that divide the quants), ratio, low, high (95 %, prompts resampled), p (Wilcoxon), reason.
    """
    from scipy import stats

    kld, failed = np.atleast_2d(np.asarray(kld, float)), np.atleast_2d(np.asarray(failed, float))
    known = np.isfinite(kld) & np.isfinite(failed)
    logs = np.where(known, np.log(np.where(known, np.maximum(kld, clip), 1.0)), 0.0)
    logs = np.where(
        known, logs - logs.sum(1, keepdims=True) / np.maximum(1, known.sum(1, keepdims=True)), 0.0
    )
    failing, passing = known & (failed > 0.5), known & ~(failed > 0.5)
    divided = failing.any(0) & passing.any(0)
    answer = {"prompts": int(divided.sum())} | dict.fromkeys(("ratio", "low", "high", "p"))
    if divided.sum() < SMALLEST:
        return answer | {"reason": f"{divided.sum()} prompts divide the quants, {SMALLEST} needed"}
    gaps = ((logs * failing).sum(0)[divided] / failing.sum(0)[divided]) - (
        (logs * passing).sum(0)[divided] / passing.sum(0)[divided]
    )
    answer["ratio"] = float(np.exp(gaps.mean()))
    if not np.ptp(gaps) > 0:
        return answer | {"reason": "every prompt says the same: no interval"}
    found = stats.bootstrap(
        (gaps,),
        np.mean,
        n_resamples=n_resamples,
        method="percentile",
        batch=1_000,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return answer | {
        "low": number(np.exp(found.low)),
        "high": number(np.exp(found.high)),
        "p": number(stats.wilcoxon(gaps).pvalue),
        "reason": None,
    }


def _members(labels: list) -> list[np.ndarray]:
    """Positions of each label's prompts."""
    kinds = np.unique([str(label) for label in labels], return_inverse=True)[1]
    return [np.flatnonzero(kinds == kind) for kind in range(kinds.max(initial=-1) + 1)]


def _too_few(n_failed: int, n_passed: int) -> str:
    return (
        f"{n_failed} failed and {n_passed} passed prompts that can be compared, {SMALLEST} of each"
        " needed"
    )


def _log_ratio(counts: np.ndarray, columns: np.ndarray, parts: list[np.ndarray]) -> np.ndarray:
    """ln of the ratio [B, q] in samples counts [B, n]; columns: [n, 4 q]; strata without both kinds
    say nothing; NaN if none has both.
    """
    above = below = 0.0
    for members in parts:
        failed_sum, n_failed, passed_sum, n_passed = np.split(
            counts[:, members] @ columns[members], 4, axis=1
        )
        both = (n_failed > 0) & (n_passed > 0)
        gap = failed_sum / np.where(both, n_failed, 1) - passed_sum / np.where(both, n_passed, 1)
        weight = np.where(both, n_failed * n_passed / np.where(both, n_failed + n_passed, 1), 0.0)
        above, below = above + weight * gap, below + weight
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)


def _ratio_answer(
    k: int,
    observed: dict,
    replicates: dict,
    parts: dict,
    logs: np.ndarray,
    failing: np.ndarray,
    passing: np.ndarray,
    clipped: int,
) -> dict:
    """One quant's row of `failure_ratios`."""
    answer = {"n_failed": int(failing.sum()), "n_passed": int(passing.sum()), "clipped": clipped}
    answer |= {
        f"{kind}_{figure}": None
        for kind in ("pooled", "within", "matched")
        for figure in ("ratio", "low", "high", "p")
    }
    if min(answer["n_failed"], answer["n_passed"]) < SMALLEST:
        return answer | {"reason": _too_few(answer["n_failed"], answer["n_passed"])}
    reasons = []
    for kind in parts:
        if not np.isfinite(observed[kind][k]):
            reasons.append(f"{kind}: no stratum has failed and passed prompts")
            continue
        low, high = interval(np.exp(replicates[kind][:, k]))
        answer |= {
            f"{kind}_ratio": float(np.exp(observed[kind][k])),
            f"{kind}_low": low,
            f"{kind}_high": high,
            f"{kind}_p": _permutation_p(logs, failing, passing, parts[kind]),
        }
    return answer | {"reason": "; ".join(reasons) or None}


def _permutation_p(
    logs: np.ndarray, failing: np.ndarray, passing: np.ndarray, parts: list[np.ndarray]
) -> float | None:
    """Two-sided p of the failed prompts' summed ln KLD when labels are dealt anew within each
    stratum.
    """
    from scipy.stats import norm

    gap = variance = 0.0
    for members in parts:
        here = members[(failing | passing)[members]]
        n, n_failed = len(here), failing[here].sum()
        if 0 < n_failed < n:
            gap += logs[here][failing[here]].sum() - n_failed * logs[here].mean()
            variance += n_failed * (n - n_failed) / (n * (n - 1)) * n * logs[here].var()
    return float(2 * norm.sf(abs(gap) / np.sqrt(variance))) if variance > 0 else None


def _placements(values: np.ndarray, failed: np.ndarray, labels: list | None) -> tuple:
    """(AUROC or None, each prompt's influence on it [n], failed and passed prompts that are
    compared).

    The sum of squared influences is the variance: DeLong's own (1988) for one stratum, and steady
    for many small ones.
    """
    from scipy.stats import rankdata

    values, failed = np.asarray(values, float), np.asarray(failed, float)
    known = np.isfinite(values) & np.isfinite(failed)
    above, compared, wins = np.zeros(len(values)), np.zeros(len(values)), 0.0
    for members in _members(np.zeros(len(values)) if labels is None else labels):
        here = members[known[members]]
        bad, good = here[failed[here] > 0.5], here[failed[here] <= 0.5]
        if len(bad) and len(good):
            ranks = rankdata(np.r_[values[bad], values[good]])
            # passed prompts below each failed one
            above[bad] = ranks[: len(bad)] - rankdata(values[bad])
            # failed prompts above each passed one
            above[good] = len(bad) - (ranks[len(bad) :] - rankdata(values[good]))
            compared[bad], compared[good] = len(good), len(bad)
            wins += above[bad].sum()
    bad, good = (compared > 0) & (failed > 0.5), (compared > 0) & (failed <= 0.5)
    n_failed, n_passed = int(bad.sum()), int(good.sum())
    if min(n_failed, n_passed) < SMALLEST:
        return None, None, n_failed, n_passed
    pairs = compared[bad].sum()
    area = wins / pairs
    influence = (above - area * compared) / pairs
    influence[bad] *= np.sqrt(n_failed / (n_failed - 1))
    influence[good] *= np.sqrt(n_passed / (n_passed - 1))
    return float(area), influence, n_failed, n_passed


def _by_falling_kld(
    kld: np.ndarray, failing: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Known prompts by falling KLD, and their failures shared out among prompts of equal KLD."""
    order = np.flatnonzero(known)[np.argsort(-kld[known], kind="stable")]
    kinds = np.unique(kld[order], return_inverse=True)[1]
    return order, (
        (np.bincount(kinds, failing[order]) / np.maximum(1, np.bincount(kinds)))[kinds]
        if len(order)
        else np.empty(0)
    )


def _top(counts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """How much of each prompt, ordered by falling KLD, lies in the first sizes [B] of a sample
    counts [B, n].
    """
    before = np.cumsum(counts, 1) - counts
    return np.clip(sizes[:, None] - before, 0, counts)
