"""Does a prompt's KLD foretell that the quant fails it? AUROC and lift, pooled and within groups.

KLD is in nats per prompt; failed is 1 or 0, NaN where the quant did not answer.
"""

import numpy as np

from .draws import SMALLEST, blocks, draw
from .failure import Strata, failure_ratios, positions, strata, too_few_of_each
from .intervals import ALPHA, interval
from .texts import Labels, Prompts, count, units

TOP = 0.1  # share of the prompts that a guard on KLD would look at


def prediction(
    kld: np.ndarray,
    failed: np.ndarray,
    asked: list,
    lengths: list,
    entropies: list,
    n_resamples: int,
    seed: int,
    clip: float,
) -> list[dict]:
    """Everything about every quant: failure ratios, AUROC and lift, pooled and within groups.

    kld, failed: [q, n]; asked: [groups, texts], each [n], as in Prompts; lengths (tokens),
    entropies (the reference's, nats): [n]; clip: see `failure_ratios`, which is matched by length
    and entropy. Returns for each quant its row number, the ratios' figures, {auroc, auroc_within,
    lift, lift_within} with _low and _high, and reason.
    """
    kld, failed = np.atleast_2d(np.asarray(kld, float)), np.atleast_2d(np.asarray(failed, float))
    confounders = [np.asarray(values, float) for values in (lengths, entropies)]
    groups, texts = Prompts(*asked)
    matched = strata(groups, confounders)
    answers = failure_ratios(kld, failed, Prompts(*asked), matched, n_resamples, seed, clip)
    for suffix, labels in (("", None), ("_within", groups)):
        lifts = lift(kld, failed, labels, n_resamples, seed, texts)
        areas = [auroc(*rows, labels, texts) for rows in zip(kld, failed)]
        for quant, answer in enumerate(answers):
            answer["quant"] = quant
            for name, found in (("lift", lifts[quant]), ("auroc", areas[quant])):
                answer[f"{name}{suffix}"] = found[name]
                answer[f"{name}{suffix}_low"] = found["low"]
                answer[f"{name}{suffix}_high"] = found["high"]
    return answers


def auroc(
    values: np.ndarray,
    failed: np.ndarray,
    labels: Labels | None = None,
    texts: Labels | None = None,
) -> dict:
    """Probability that a failed prompt has the larger value than a passed one (ties half).

    values, failed: [n]; labels: [n] strata inside which alone prompts are compared, or None for
    pooled; texts: [n], whose items move together. DeLong's error; the interval is taken on the
    logit scale. Returns auroc, standard_error, low, high, p (against 0.5), n_failed, n_passed,
    reason.
    """
    from scipy import special, stats

    unit = units(texts, len(values))
    area, influence, n_failed, n_passed = _placements(values, failed, labels, unit)
    answer = dict.fromkeys(("auroc", "standard_error", "low", "high", "p"))
    answer |= {"n_failed": n_failed, "n_passed": n_passed}
    if area is None:
        return answer | {"reason": too_few_of_each(n_failed, n_passed)}
    moved = np.bincount(unit, influence)  # by a text with all its items
    error = float(np.sqrt((moved**2).sum()))
    answer |= {"auroc": area, "standard_error": error}
    if error == 0 or not 0 < area < 1:
        return answer | {"reason": "failed and passed prompts do not overlap: no interval"}
    half = stats.norm.ppf(1 - ALPHA / 2) * error / (area * (1 - area))
    low, high = special.expit(special.logit(area) + np.array([-half, half]))
    return answer | {
        "low": float(low),
        "high": float(high),
        "p": float(2 * stats.norm.sf(abs(area - 0.5) / error)),
        "reason": None,
    }


def lift(
    kld: np.ndarray,
    failed: np.ndarray,
    labels: Labels | None,
    n_resamples: int,
    seed: int,
    texts: Labels | None = None,
) -> list[dict]:
    """How much more often the TOP prompts by KLD fail than all: what a guard on KLD would gain.

    kld, failed: [q, n]; labels: [n] groups, each with its own top share, or None for one top over
    all; texts: [n]. Prompts of equal KLD share their failures. Returns for each quant lift, low,
    high (95 %, texts resampled within groups), base_rate, top_rate, reason.
    """
    kld, failed = np.atleast_2d(np.asarray(kld, float)), np.atleast_2d(np.asarray(failed, float))
    known = np.isfinite(kld) & np.isfinite(failed)
    failing = known & (failed > 0.5)
    n_failed, n_passed = failing.sum(1), (known & ~failing).sum(1)
    parts = [np.arange(kld.shape[1])] if labels is None else positions(labels)
    unit, facts = units(texts, kld.shape[1]), (np.where(known, kld, -np.inf), failing, known)
    sums = _top_sums(facts, parts, unit, n_resamples, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = sums[0] / (TOP * sums[2])
    answers = []
    for k in range(len(kld)):
        answer = dict.fromkeys(("lift", "low", "high", "base_rate", "top_rate"))
        if min(n_failed[k], n_passed[k]) < SMALLEST:
            answers.append(answer | {"reason": too_few_of_each(n_failed[k], n_passed[k])})
            continue
        (low, high), (top, size, all_failed) = interval(found[k, 1:]), sums[:, k, 0].tolist()
        top_rate, base_rate = top / (TOP * size), all_failed / size
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


def _top_sums(
    facts: tuple[np.ndarray, np.ndarray, np.ndarray],
    parts: Strata,
    unit: np.ndarray,
    n_resamples: int,
    seed: int,
) -> np.ndarray:
    """Failures in the top, prompts, and failures, [3, q, 1 + B]: first of the data itself.

    facts: kld, failing, known, each [q, n].
    """
    kld, failing, known = facts
    rng, sums = np.random.default_rng(seed), np.zeros((3, len(kld), 1 + n_resamples))
    for members in parts:
        # more prompts than the top of any resample needs
        own = units(unit[members])
        reach = int(3 * TOP * len(members)) + 50
        if count(own) < len(members):  # a sample may hold many items of few texts
            reach = len(members)
        ordered = [
            _by_falling_kld(kld[k, members], failing[k, members], known[k, members], reach)
            for k in range(len(kld))
        ]
        for block in blocks(1 + n_resamples):
            counts = draw(count(own), block.stop - block.start, rng)[:, own]
            if block.start == 0:
                counts[0] = 1
            for k, (order, failures) in enumerate(ordered):
                size = counts @ known[k, members]
                sums[0, k, block] += _top(counts[:, order], TOP * size) @ failures
                sums[1, k, block] += size
                sums[2, k, block] += counts @ failing[k, members]
    return sums


def _placements(
    values: np.ndarray, failed: np.ndarray, labels: Labels | None, unit: np.ndarray
) -> tuple[float | None, np.ndarray, int, int]:
    """(AUROC or None, each prompt's influence on it [n], failed, passed that are compared).

    unit: [n] number of its text.

    The sum of squared influences is the variance: DeLong's own (1988) for one stratum, and steady
    for many small ones.
    """
    from scipy.stats import rankdata

    values, failed = np.asarray(values, float), np.asarray(failed, float)
    known = np.isfinite(values) & np.isfinite(failed)
    above, compared, wins = np.zeros(len(values)), np.zeros(len(values)), 0.0
    for members in positions(np.zeros(len(values)) if labels is None else labels):
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
    texts = [len(np.unique(unit[side])) for side in (bad, good)]
    if min(texts) < SMALLEST:
        return None, np.zeros(0), texts[0], texts[1]
    pairs = compared[bad].sum()
    area = wins / pairs
    influence = (above - area * compared) / pairs
    for side, number in zip((bad, good), texts):
        influence[side] *= np.sqrt(number / (number - 1))
    return float(area), influence, n_failed, n_passed


def _by_falling_kld(
    kld: np.ndarray, failing: np.ndarray, known: np.ndarray, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """The first `reach` known prompts by falling KLD, and their failures: equal KLD shares them."""
    order = np.flatnonzero(known)[np.argsort(-kld[known], kind="stable")]
    if not len(order):
        return order, np.empty(0)
    kinds = np.unique(kld[order], return_inverse=True)[1]
    shared = (np.bincount(kinds, failing[order]) / np.maximum(1, np.bincount(kinds)))[kinds]
    return order[:reach], shared[:reach]


def _top(counts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """How much of each prompt, by falling KLD, lies in the first sizes [B] of samples [B, n]."""
    before = np.cumsum(counts, 1) - counts
    return np.clip(sizes[:, None] - before, 0, counts)
