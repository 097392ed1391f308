"""What two top-k lists of one position say about KL(reference || quant).

The top-k KLD is a number of its own, neither a bound nor an estimate of the KLD: both lists are
renormalised to sum 1, and an id of the reference's list that the quant's list lacks gets a fixed
log-prob, the floor, after that (arXiv 2606.19558, Eq. 5). Beside it stand bounds of the true KLD.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FLOOR = float(np.log(1e-12))  # ours: the paper gives neither floor nor k
SUMS = 1e-13  # rounding of a sum of probabilities
ROWS = 2048  # positions at a time: bounds the [rows, k, k] comparison


class TopList(NamedTuple):
    """One side's likeliest ids, likeliest first."""

    ids: np.ndarray  # [T, k] int, -1 where a list is shorter
    logprobs: np.ndarray  # [T, k], NaN there


class Limits(NamedTuple):
    """What is known of the lists besides."""

    k: int | None = None  # use no more than so many ids
    floor: float = FLOOR
    vocabulary: int | None = None  # its size, with which a list may turn out to be complete
    least_logprob: float | None = None  # no id of the quant is below
    # how far any log-prob may be off; 1e-12: computed in float64; a server's float32: 1e-5
    precision: float = 1e-12


UNKNOWN = Limits()  # nothing is known besides


class TopK(NamedTuple):
    """One value per position, [T]. Nats.

    NaN and 0 where either list is empty or its probabilities sum to more than 1.
    """

    kld_topk: np.ndarray  # float64
    floored: np.ndarray  # int32, ids that got the floor
    k: np.ndarray  # int32, ids of the reference that took part
    lower: np.ndarray  # float64, the KLD is at least this
    upper: np.ndarray  # float64, the KLD is at most this; +inf where the lists allow any


def topk_bounds(reference: TopList, quant: TopList, limits: Limits = UNKNOWN) -> TopK:
    """Compare the reference's likeliest ids with the quant's, position by position.

    The two may hold lists of different length. Without least_logprob a KLD has no upper bound
    unless the lists are complete: an id that the quant does not list can have any probability,
    however small.
    """
    cut = slice(None, limits.k)
    blocks = []
    for start in range(0, max(len(reference.ids), 1), ROWS):
        part = slice(start, start + ROWS)
        first, second = (
            TopList(side.ids[part, cut], side.logprobs[part, cut]) for side in (reference, quant)
        )
        blocks.append(_block(first, second, limits))
    return TopK(*(np.concatenate(column) for column in zip(*blocks)))


def _block(reference: TopList, quant: TopList, limits: Limits) -> TopK:
    pairs = _match(reference, quant)
    sum_p, sum_q = pairs.p.sum(axis=1), pairs.q.sum(axis=1)
    good = (sum_p > 0) & (sum_p <= 1 + pairs.p.shape[1] * limits.precision + 1e-9)
    good &= (sum_q > 0) & (sum_q <= 1 + pairs.q.shape[1] * limits.precision + 1e-9)
    with np.errstate(all="ignore"):  # in rows that are not good, and in what np.where leaves out
        kld_topk = _kld_topk(pairs, limits.floor)
        lower, upper = _bounds(pairs, limits)
    return TopK(
        kld_topk=np.where(good, kld_topk, np.nan),
        floored=np.where(good, pairs.alone.sum(axis=1), 0).astype(np.int32),
        k=np.where(good, pairs.listed.sum(axis=1), 0).astype(np.int32),
        lower=np.where(good, lower, np.nan),
        upper=np.where(good, np.maximum(upper, lower), np.nan),
    )


class Pairs(NamedTuple):
    """The reference's list [T, k] beside the quant's log-probs of the same ids."""

    logp: np.ndarray  # -inf where the list is shorter
    p: np.ndarray
    q: np.ndarray  # [T, k'] of the quant's own list
    listed: np.ndarray  # whether the reference lists an id here
    alone: np.ndarray  # whether the quant's list lacks it
    shared: np.ndarray  # or has it
    partner: np.ndarray  # log q of that id, where shared


def _match(reference: TopList, quant: TopList) -> Pairs:
    logp, logq = (
        np.where((side.ids >= 0) & ~np.isnan(side.logprobs), side.logprobs, -np.inf).astype(float)
        for side in (reference, quant)
    )
    p, q = np.exp(logp), np.exp(logq)
    listed = p > 0
    same = reference.ids[:, :, None] == quant.ids[:, None, :]
    same &= listed[:, :, None] & (q > 0)[:, None, :]
    shared = same.any(axis=2)
    partner = np.take_along_axis(logq, same.argmax(axis=2), axis=1)
    return Pairs(logp, p, q, listed, listed & ~shared, shared, partner)


def _kld_topk(pairs: Pairs, floor: float) -> np.ndarray:
    log_sum_p, log_sum_q = (np.log(each.sum(axis=1))[:, None] for each in (pairs.p, pairs.q))
    renormalised = np.where(pairs.shared, pairs.partner - log_sum_q, floor)
    difference = np.where(pairs.listed, pairs.logp - log_sum_p - renormalised, 0.0)
    return (pairs.p / pairs.p.sum(axis=1)[:, None] * difference).sum(axis=1)


def _bounds(pairs: Pairs, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
    """(lower, upper) of the KLD, [T].

    Both sides of the shared ids are known; everything else is one bucket, and merging can only
    lower a KLD. A log-prob may be off by precision: each term takes its worst case.
    """
    p, logp, precision = pairs.p, pairs.logp, limits.precision
    p_shared = np.where(pairs.shared, p, 0.0)
    ratio = np.where(pairs.shared, logp - pairs.partner, 0.0)
    known = (p_shared * ratio).sum(axis=1)
    doubt = (p_shared * (np.abs(ratio) + 2)).sum(axis=1) * precision + SUMS
    q_shared = np.where(pairs.shared, np.exp(pairs.partner), 0.0).sum(axis=1)
    tail_q = np.clip(1 - q_shared * (1 - precision) + SUMS, SUMS, 1)
    fewest = np.clip(1 - p_shared.sum(axis=1) * (1 + precision) - SUMS, 0, 1)
    most = np.clip(1 - p_shared.sum(axis=1) * (1 - precision) + SUMS, 0, 1)
    tail_p = np.clip(tail_q / np.e, fewest, most)  # where x ln(x / tail_q) is least
    tail = np.where(tail_p > 0, tail_p * np.log(tail_p / tail_q), 0.0)

    # above: an id that only the reference lists has at least least_logprob in the quant; an id that
    # it does not list has at most the reference's last probability there
    least = -np.inf if limits.least_logprob is None else limits.least_logprob
    alone = np.where(pairs.alone, p * (logp + precision - least), 0.0).sum(axis=1)
    last = np.where(pairs.listed, logp, np.inf).min(axis=1) + precision - least
    outside = np.clip(1 - p.sum(axis=1) * (1 - precision) + SUMS, 0, 1)
    complete = pairs.listed.sum(axis=1) >= (limits.vocabulary or np.inf)
    beyond = np.where(complete, 0.0, outside * np.maximum(last, 0.0))
    return np.maximum(known - doubt + tail, 0.0), known + doubt + alone + beyond
