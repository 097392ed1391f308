"""What a scorer returns: one value per scored position [T]; k top ids of the reference [T, k]. Nats, ranks from 1.

A row that holds NaN or +inf, gives its target no probability, or masks (-inf) an id that the other side allows, is not
finite: its numbers are NaN and its ids -1. An id that both sides mask adds nothing. Ties go to the lower id everywhere.
"""

from typing import NamedTuple

import numpy as np


class ReferenceRows(NamedTuple):
    """The reference's side. margin_ref: log-prob of the first minus the second choice; lse_ref float64, other reals float32."""

    nll_ref: np.ndarray
    entropy_ref: np.ndarray
    top1_ref: np.ndarray
    rank_ref: np.ndarray
    margin_ref: np.ndarray
    lse_ref: np.ndarray
    topk_ids: np.ndarray
    topk_logprobs_ref: np.ndarray
    finite_ref: np.ndarray


class QuantRows(NamedTuple):
    """The quant's side. kld = KL(reference || quant), kld_reverse the other way; topk_logprobs at the reference's topk_ids."""

    nll: np.ndarray
    kld: np.ndarray
    kld_reverse: np.ndarray
    jsd: np.ndarray
    tv: np.ndarray
    entropy: np.ndarray
    top1: np.ndarray
    rank: np.ndarray
    lse: np.ndarray
    topk_logprobs: np.ndarray
    finite: np.ndarray
