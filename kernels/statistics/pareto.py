"""Small, near and good at once: which quants no other beats, how sure that is, and which of the
best cannot be told apart.
"""

from string import ascii_letters

import numpy as np

SURE = 0.95  # share of replicates in which a quant must be beaten before it is called dominated


def membership(sizes: np.ndarray, volumes: np.ndarray, scores: np.ndarray) -> list[dict]:
    """How often each quant is on the front of (size, volume, score), over bootstrap replicates.

    sizes: [q] bytes or bits per weight; volumes, scores: [B, q] replicates drawn from the same
    prompts (clusters.score_replicates). A quant is dominated by one that is no larger, disagrees no
    more and scores no less, and is strictly better in one of these. Returns for each quant
    probability (on the front), dominator (row number of the quant that dominates it most often),
    dominator_probability, dominated (True only from SURE on) and reason.
    """
    sizes, volumes, scores = (
        np.asarray(sizes, float),
        np.atleast_2d(np.asarray(volumes, float)),
        np.atleast_2d(np.asarray(scores, float)),
    )
    known = np.isfinite(sizes) & np.isfinite(volumes).all(0) & np.isfinite(scores).all(0)
    q, on_front, beaten_by = len(sizes), np.zeros(len(sizes)), np.zeros((len(sizes), len(sizes)))
    for volume, score in zip(
        np.array_split(volumes, max(1, len(volumes) // 500)),
        np.array_split(scores, max(1, len(scores) // 500)),
    ):
        pairs = [
            (sizes[None, :], sizes[:, None]),
            (volume[:, None, :], volume[:, :, None]),
            (-score[:, None, :], -score[:, :, None]),
        ]
        no_worse, better = np.ones((len(volume), q, q), bool), np.zeros((len(volume), q, q), bool)
        for other, own in pairs:  # [b, own, other]
            no_worse &= other <= own
            better |= other < own
        beats = no_worse & better & known
        beaten_by += beats.sum(0)
        on_front += (~beats.any(2)).sum(0)
    answers = []
    for k in range(q):
        if not known[k]:
            answers.append(
                {
                    "probability": None,
                    "dominator": None,
                    "dominator_probability": None,
                    "dominated": None,
                    "reason": "size, volume or score is missing",
                }
            )
            continue
        top, chance = int(beaten_by[k].argmax()), float(on_front[k] / len(volumes))
        often = float(beaten_by[k, top] / len(volumes))
        answers.append(
            {
                "probability": chance,
                "dominator": top if often else None,
                "dominator_probability": often,
                "dominated": 1 - chance >= SURE,
                "reason": None,
            }
        )
    return answers


def groups(scores: np.ndarray, replicates: np.ndarray, level: float = 0.95) -> list[str | None]:
    """Letters of the quants: two that share one are not resolved from each other; a is the highest
    score's.

    scores: [q], replicates: [B, q]. Differences of all pairs are judged together: the largest
    |difference| / error over pairs, in the replicates, sets the bar (single-step max-T). Letters by
    insertion and absorption (Piepho 2004). None for a missing score.
    """
    scores = np.asarray(scores, float)
    apart = unlike(scores, replicates, level)
    known = np.isfinite(scores)
    order = np.flatnonzero(known)[np.argsort(-scores[known], kind="stable")]
    columns = [set(order.tolist())] if len(order) else []
    for k, a in enumerate(order.tolist()):
        for b in order[k + 1 :].tolist():
            if apart[a, b]:
                split = [
                    part
                    for column in columns
                    for part in ((column - {a}, column - {b}) if {a, b} <= column else (column,))
                ]
                split = [part for i, part in enumerate(split) if part and part not in split[:i]]
                columns = [part for part in split if not any(part < other for other in split)]
    place = {quant: k for k, quant in enumerate(order.tolist())}
    columns.sort(key=lambda column: sorted(place[quant] for quant in column))
    return [
        (
            "".join(_letter(k) for k, column in enumerate(columns) if quant in column)
            if known[quant]
            else None
        )
        for quant in range(len(scores))
    ]


def unlike(scores: np.ndarray, replicates: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Which pairs of quants differ in score, all pairs judged together: [q, q] bool."""
    scores, replicates = np.asarray(scores, float), np.atleast_2d(np.asarray(replicates, float))
    known = np.flatnonzero(np.isfinite(scores) & np.isfinite(replicates).all(0))
    apart = np.zeros((len(scores), len(scores)), bool)
    if len(known) < 2 or len(replicates) < 2:
        return apart
    first, second = np.triu_indices(len(known), 1)
    observed = scores[known][first] - scores[known][second]
    drawn = replicates[:, known]
    covariance = np.cov(drawn.T)
    error = np.sqrt(
        np.maximum(
            np.diag(covariance)[first]
            + np.diag(covariance)[second]
            - 2 * covariance[first, second],
            0,
        )
    )
    # two quants that answer alike in every replicate are never apart
    scale = np.where(error > 1e-12, error, np.inf)
    largest = np.concatenate(
        [
            (np.abs(part[:, first] - part[:, second] - observed) / scale).max(1)
            for part in np.array_split(drawn, max(1, len(drawn) // 1_000))
        ]
    )
    resolved = np.abs(observed) / scale > np.quantile(largest, level)
    apart[known[first[resolved]], known[second[resolved]]] = True
    return apart | apart.T


def pick(
    sizes: np.ndarray,
    scores: np.ndarray,
    replicates: np.ndarray,
    largest: float | None = None,
    level: float = 0.95,
) -> dict:
    """The smallest quant that is not resolved from the highest score, among those no larger than
    largest.

    sizes, scores: [q], replicates: [B, q]. Returns picked and highest (row numbers), top (row
    numbers of the top group, smallest first) and reason. Not resolved is not "as good": more
    prompts may part them.
    """
    sizes, scores = np.asarray(sizes, float), np.asarray(scores, float)
    allowed = np.flatnonzero(
        np.isfinite(sizes)
        & np.isfinite(scores)
        & (sizes <= (np.inf if largest is None else largest))
    )
    if not len(allowed):
        return {
            "picked": None,
            "highest": None,
            "top": [],
            "reason": "no quant with a score is small enough",
        }
    apart = unlike(scores[allowed], np.atleast_2d(replicates)[:, allowed], level)
    highest = int(np.argmax(scores[allowed]))
    top = sorted(
        np.flatnonzero(~apart[highest]).tolist(),
        key=lambda k: (sizes[allowed[k]], -scores[allowed[k]]),
    )
    return {
        "picked": int(allowed[top[0]]),
        "highest": int(allowed[highest]),
        "top": [int(allowed[k]) for k in top],
        "reason": None,
    }


def resolved_concordance(measure: np.ndarray, scores: np.ndarray, apart: np.ndarray) -> dict:
    """How often the nearer of two quants scores higher, counted only over the pairs whose scores
    are resolved.

    measure, scores: [q]; apart: [q, q] from `unlike`. Returns pairs, resolved, concordance (ties of
    the measurement half), None without a resolved pair, and reason. Pairs share quants: no interval
    is given.
    """
    measure, scores = np.asarray(measure, float), np.asarray(scores, float)
    known = np.flatnonzero(np.isfinite(measure) & np.isfinite(scores))
    first, second = (known[side] for side in np.triu_indices(len(known), 1))
    kept = np.asarray(apart, bool)[first, second]
    answer = {"pairs": len(first), "resolved": int(kept.sum()), "concordance": None}
    if not kept.any():
        return answer | {"reason": "no two quants are resolved from each other"}
    agreement = np.sign(measure[second] - measure[first]) * np.sign(scores[first] - scores[second])
    return answer | {"concordance": float((1 + agreement[kept]).mean() / 2), "reason": None}


def _letter(k: int) -> str:
    """a to z, A to Z, then a2 and so on."""
    return ascii_letters[k % 52] + (str(k // 52 + 1) if k >= 52 else "")
