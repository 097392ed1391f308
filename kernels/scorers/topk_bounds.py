"""What two top-k lists of one position say about KL(reference || quant): the top-k KLD, and bounds
of the true one.

The top-k KLD is a number of its own, neither a bound nor an estimate of the KLD: both lists are
renormalised to sum 1, and an id of the reference's list that the quant's list lacks gets a fixed
log-prob, the floor, after that (arXiv 2606.19558, Eq. 5).
"""

from typing import NamedTuple

import numpy as np

FLOOR = float(np.log(1e-12))  # ours: the paper gives neither floor nor k
SUMS = 1e-13  # rounding of a sum of probabilities
ROWS = 2048  # positions at a time: bounds the [rows, k, k] comparison


class TopK(NamedTuple):
    """One value per position, [T]. Nats. NaN and 0 where either list is empty or its probabilities
    sum to more than 1.
    """

    kld_topk: np.ndarray  # float64
    floored: np.ndarray  # int32, ids that got the floor
    k: np.ndarray  # int32, ids of the reference that took part
    lower: np.ndarray  # float64, the KLD is at least this
    upper: np.ndarray  # float64, the KLD is at most this; +inf where the lists allow any


def topk_bounds(
    ids_ref: np.ndarray,
    logprobs_ref: np.ndarray,
    ids: np.ndarray,
    logprobs: np.ndarray,
    k: int | None = None,
    floor: float = FLOOR,
    vocabulary: int | None = None,
    least_logprob: float | None = None,
    precision: float = 1e-12,
) -> TopK:
    """Compare the reference's k likeliest ids with the quant's, position by position.

    ids_ref, ids: [T, k] and [T, k'] int, likeliest first, -1 where a list is shorter; logprobs
    likewise, NaN there. k: use no more. vocabulary: its size, with which a list may turn out to be
    complete; least_logprob: a log-prob that no id of the quant is below. precision: how far any
    log-prob may be off (1e-12: computed in float64; a server's float32: 1e-5). Without
    least_logprob a KLD has no upper bound unless the lists are complete: an id that the quant does
    not list can have any probability, however small.
    """
    cut = slice(None, k)
    parts = [
        _block(
            ids_ref[at : at + ROWS, cut],
            logprobs_ref[at : at + ROWS, cut],
            ids[at : at + ROWS, cut],
            logprobs[at : at + ROWS, cut],
            floor,
            vocabulary,
            least_logprob,
            precision,
        )
        for at in range(0, len(ids_ref), ROWS)
    ]
    return (
        TopK(*(np.concatenate(column) for column in zip(*parts)))
        if parts
        else TopK(*(np.empty(0, kind) for kind in ("f8", "i4", "i4", "f8", "f8")))
    )


def _block(ids_ref, logp, ids, logq, floor, vocabulary, least, precision) -> TopK:
    logp, logq = (
        np.where(ids_ref >= 0, logp, -np.inf).astype(np.float64),
        np.where(ids >= 0, logq, -np.inf).astype(np.float64),
    )
    logp, logq = np.where(np.isnan(logp), -np.inf, logp), np.where(np.isnan(logq), -np.inf, logq)
    p, q = np.exp(logp), np.exp(logq)
    listed = p > 0
    same = (ids_ref[:, :, None] == ids[:, None, :]) & listed[:, :, None] & (q > 0)[:, None, :]
    shared = same.any(axis=2)
    # log q of each reference id, where shared
    partner = np.take_along_axis(logq, same.argmax(axis=2), axis=1)
    with np.errstate(all="ignore"):
        ratio = np.where(shared, logp - partner, 0.0)
        sum_p, sum_q = p.sum(axis=1), q.sum(axis=1)
        renormalised = np.where(shared, partner - np.log(sum_q)[:, None], floor)
        kld_topk = (
            p / sum_p[:, None] * np.where(listed, logp - np.log(sum_p)[:, None] - renormalised, 0.0)
        ).sum(axis=1)

        # both sides of the shared ids are known; everything else is one bucket, and merging can
        # only lower a KLD. A log-prob may be off by precision: the bounds take the worst case of
        # every term.
        known = (np.where(shared, p, 0.0) * ratio).sum(axis=1)
        doubt = (np.where(shared, p, 0.0) * (np.abs(ratio) + 2)).sum(axis=1) * precision + SUMS
        tail_q = np.clip(
            1 - np.where(shared, np.exp(partner), 0.0).sum(axis=1) * (1 - precision) + SUMS, SUMS, 1
        )
        mass = np.where(shared, p, 0.0).sum(axis=1)
        fewest, most = (
            np.clip(1 - mass * (1 + precision) - SUMS, 0, 1),
            np.clip(1 - mass * (1 - precision) + SUMS, 0, 1),
        )
        tail_p = np.clip(tail_q / np.e, fewest, most)  # where x ln(x / tail_q) is least
        lower = np.maximum(
            known - doubt + np.where(tail_p > 0, tail_p * np.log(tail_p / tail_q), 0.0), 0.0
        )

        # above: an id that only the reference lists has at least least_logprob in the quant; an id
        # that it does not list has at most the reference's last probability there
        complete = (listed.sum(axis=1) >= vocabulary) if vocabulary else np.zeros(len(p), bool)
        floor_q = -np.inf if least is None else least
        alone = np.where(listed & ~shared, p * (logp + precision - floor_q), 0.0).sum(axis=1)
        last = np.where(listed, logp, np.inf).min(axis=1) + precision - floor_q
        outside = np.clip(1 - sum_p * (1 - precision) + SUMS, 0, 1)
        upper = known + doubt + alone + np.where(complete, 0.0, outside * np.maximum(last, 0.0))
    good = (
        (sum_p > 0)
        & (sum_q > 0)
        & (sum_p <= 1 + len(p[0]) * precision + 1e-9)
        & (sum_q <= 1 + len(q[0]) * precision + 1e-9)
    )
    counts = ((listed & ~shared).sum(axis=1), listed.sum(axis=1))
    return TopK(
        np.where(good, kld_topk, np.nan),
        *(np.where(good, count, 0).astype(np.int32) for count in counts),
        np.where(good, lower, np.nan),
        np.where(good, np.maximum(upper, lower), np.nan),
    )
