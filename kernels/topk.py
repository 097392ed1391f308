"""What two models' top-k log-probs say of the KLD over the whole vocabulary: a value under its own definition, and bounds."""

from typing import NamedTuple

import numpy as np

FLOOR = float(np.log(1e-12))  # ln of the probability that a missing token gets, nats


class TopK(NamedTuple):
    """Per position [T]. kld_topk depends on k and floor; lower <= KL(reference || quant) <= upper; upper is NaN where nothing bounds it."""

    kld_topk: np.ndarray
    floored: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def topk_kld(logp: np.ndarray, logq: np.ndarray, logq_all: np.ndarray, floor: float = FLOOR, least_logprob: float | None = None) -> TopK:
    """logp: [T, k] the reference's top-k log-probs, NaN where it has fewer; logq: [T, k] the quant's at the same ids, NaN where
    they are not in its top-k; logq_all: [T, k'] the quant's own top-k. Nats.

    kld_topk: both sides renormalised over their own top-k, a missing token at `floor`, summed over the reference's top-k.
    lower: the shared ids one by one and all others as one (a coarser view never increases KLD).
    upper: only if no id of the quant lies below least_logprob: then every unknown term is at most p (ln p - least_logprob),
    and the unknown p's, none above the smallest known, are as unequal as that allows.
    """
    known, shared = ~np.isnan(logp), ~np.isnan(logp) & ~np.isnan(logq)
    p, q = np.exp(np.where(known, logp, -np.inf)), np.exp(np.where(shared, logq, -np.inf))
    with np.errstate(divide="ignore", invalid="ignore"):
        log_own_p = logp - np.log(p.sum(1, keepdims=True))
        log_own_q = np.where(shared, logq - np.log(np.nansum(np.exp(logq_all), 1, keepdims=True)), floor)
        kld_topk = np.where(known, np.exp(log_own_p) * (log_own_p - log_own_q), 0).sum(1)
        terms = np.where(shared, p * (logp - np.where(shared, logq, 0)), 0).sum(1)
        rest_p, rest_q = np.clip(1 - np.where(shared, p, 0).sum(1), 0, 1), np.clip(1 - q.sum(1), 0, 1)
        rest = np.where(rest_p > 0, rest_p * np.log(rest_p / np.maximum(rest_q, np.finfo(float).tiny)), 0)
        upper = np.full(len(p), np.nan)
        if least_logprob is not None:
            only_p = known & ~shared
            unknown = np.clip(1 - p.sum(1), 0, 1)
            largest = np.minimum(np.where(known, p, np.inf).min(1), unknown)
            known_part = np.where(only_p, p * (np.where(only_p, logp, 0) - least_logprob), 0).sum(1)
            upper = terms + known_part + np.where(unknown > 0, unknown * (np.log(np.maximum(largest, np.finfo(float).tiny)) - least_logprob), 0)
    return TopK(kld_topk, (known & ~shared).sum(1), np.maximum(terms + rest, 0), upper)
