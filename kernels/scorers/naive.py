"""The truth: every per-position number in float64, plain NumPy, one row block at a time.

Slow on purpose, simple to read. KLD is a sum of terms that cannot be negative (Bregman form): with
d = ln p - ln q,
    KL(p || q) = sum_i p_i (e^-d_i - 1 + d_i),
which is exactly 0 for equal rows and keeps its digits when p and q nearly agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .rows import (
    END,
    AnswerRows,
    Bfloat16Rows,
    CodedRows,
    Logits,
    QuantRows,
    ReferenceRows,
    Rows,
    stored,
)

NAME = "numpy-f64"
ROWS = 16  # rows per block: bounds the float64 temporaries to ROWS x vocabulary


def reference_rows(
    logits_ref: Logits, targets: np.ndarray, top_k: int = 32, threads: int | None = None
) -> ReferenceRows:
    """Score the reference.

    logits_ref: [T, V] float32, float16, bfloat16 or coded; targets: [T] int, the realised tokens;
    top_k is cut to V.
    """
    k = min(top_k, logits_ref.shape[1])
    blocks = []
    for x, y, coded, at_least in _blocks(logits_ref, targets):
        lse, logp, finite = _normalise(x, coded)
        p = np.exp(logp)
        ids = _descending(x)[:, : max(k, 2)]
        nll = -_at(logp, y)
        top = np.take_along_axis(logp, ids, axis=1)
        margin = top[:, 0] - top[:, 1] if ids.shape[1] > 1 else np.full_like(nll, np.nan)
        unknown = coded & np.isinf(top)
        ids, top = np.where(unknown, -1, ids), np.where(unknown, np.nan, top)
        censored = _censor(nll, _rank(x, y), at_least)
        blocks.append(
            ReferenceRows(
                nll_ref=censored.nll,
                entropy_ref=_entropy(p, logp),
                top1_ref=ids[:, 0],
                rank_ref=censored.rank,
                margin_ref=margin,
                lse_ref=lse,
                topk_ids=ids[:, :k],
                topk_logprobs_ref=top[:, :k],
                finite_ref=finite & (np.isfinite(nll) | coded),
                clipped_mass_ref=np.maximum(1 - p.sum(1), 0) if coded else None,
                nll_ref_at_least=censored.at_least if coded else None,
            )
        )
    return _joined(blocks)


def quant_rows(
    logits_ref: Logits,
    reference: ReferenceRows,
    logits: Logits,
    targets: np.ndarray,
    threads: int | None = None,
) -> QuantRows:
    """Score a quant against the reference.

    Both [T, V], in any of the forms; coded quants need a coded reference (else ValueError).
    """
    if isinstance(logits, CodedRows) and not isinstance(logits_ref, CodedRows):
        raise ValueError(
            "a quant's logits file can be scored against the reference's logits file only"
        )
    blocks = []
    ids_ref = reference.topk_ids
    for (x, y, coded_ref, _), (z, _, coded, at_least) in zip(
        _blocks(logits_ref, targets), _blocks(logits, targets)
    ):
        _, logp, finite_ref = _normalise(x, coded_ref)
        lse, logq, finite = _normalise(z, coded)
        p, q = np.exp(logp), np.exp(logq)
        nll = -_at(logq, y)
        censored = _censor(nll, _rank(z, y), at_least)
        ids, ids_ref = ids_ref[: len(y)], ids_ref[len(y) :]
        top = np.take_along_axis(logq, np.maximum(ids, 0), axis=1)
        unclipped = ~((coded_ref & np.isinf(logp)) | (coded & np.isinf(logq)))
        joint = _divergences(p, logp, q, logq, unclipped)
        finite &= finite_ref & (np.isfinite(nll) | coded)
        finite &= np.isfinite(joint.kld) & np.isfinite(joint.reverse)
        blocks.append(
            QuantRows(
                nll=censored.nll,
                kld=joint.kld,
                kld_reverse=joint.reverse,
                jsd=joint.jsd,
                tv=joint.tv,
                entropy=_entropy(q, logq),
                top1=_descending(z)[:, 0],
                rank=censored.rank,
                lse=lse,
                topk_logprobs=np.where(ids < 0, np.nan, top),
                finite=finite,
                clipped_mass=_sum(q, np.isinf(logp)) if coded_ref else None,
                nll_at_least=censored.at_least if coded_ref else None,
                kld_llamacpp=_llamacpp_kld(p, logp, logq, coded) if coded_ref else None,
            )
        )
    return _joined(blocks)


def answer_rows(
    logits: Logits,
    targets: np.ndarray,
    ends: np.ndarray,
    temperatures: tuple[float, ...],
    threads: int | None = None,
) -> AnswerRows:
    """Score what follows each position at every temperature.

    logits: [T, V] float32 or float16; targets: [T] int, an id or END; ends: ids that end an answer;
    temperatures: K numbers above 0. A row that is not finite, or gives what follows no probability,
    is NaN.
    """
    rows, vocabulary = logits.shape
    meant = np.zeros((rows, vocabulary), bool)  # what may follow
    for t, y in enumerate(targets):
        meant[t, ends if y == END else y] = True
    x = np.asarray(logits, np.float64)
    _, _, finite = _normalise(x, False)
    finite &= np.where(meant, x, -np.inf).max(1) > -np.inf
    found = AnswerRows(
        logprob=np.full((rows, len(temperatures)), np.nan),
        entropy=np.full((rows, len(temperatures)), np.nan),
        greedy=finite & _at(meant, np.where(finite, x.argmax(1), 0)),
        finite=finite,
    )
    for k, temperature in enumerate(temperatures):
        _, logp, _ = _normalise(x[finite] / temperature, False)
        own = np.where(meant[finite], logp, -np.inf)
        top = own.max(1)
        found.logprob[finite, k] = top + np.log(np.exp(own - top[:, None]).sum(1))
        found.entropy[finite, k] = _entropy(np.exp(logp), logp)
    return found


def head_logits(
    hidden: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    scale: float = 1.0,
    cap: float | None = None,
) -> np.ndarray:
    """A head's logits [T, V] float64 of hidden states [T, D]: cap(scale (W h + b))."""
    z = np.asarray(hidden, np.float64) @ np.asarray(weight, np.float64).T
    z = scale * (z if bias is None else z + bias)
    return z if cap is None else cap * np.tanh(z / cap)


class Block(NamedTuple):
    """Up to ROWS rows of either side."""

    logits: np.ndarray  # [rows, V] float64
    targets: np.ndarray  # [rows]
    coded: bool
    at_least: np.ndarray  # [rows] lower bounds of a clipped target's NLL; NaN if not coded


def _blocks(logits: Logits, targets: np.ndarray) -> Iterator[Block]:
    for start in range(0, len(targets), ROWS):
        part = slice(start, start + ROWS)
        y = np.asarray(targets[part], np.int64)
        at_least = np.full(len(y), np.nan)
        if isinstance(logits, CodedRows):
            scale, minimum = logits.headers[part, :1], logits.headers[part, 1:]
            # float32 is the format's own arithmetic
            values = scale * logits.codes[part].astype(np.float32) + minimum
            values[logits.clipped[part, None] & (logits.codes[part] == 0)] = -np.inf
            at_least = -minimum[:, 0].astype(np.float64)
        elif isinstance(logits, Bfloat16Rows):
            values = (logits.bits[part].astype(np.uint32) << 16).view(np.float32)
        else:
            values = logits[part]
        yield Block(values.astype(np.float64), y, isinstance(logits, CodedRows), at_least)


def _normalise(x: np.ndarray, coded: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lse [T], log-probs [T, V], finite [T]).

    A row that is not finite becomes zeros, so that it poisons nothing.
    """
    finite = ~(np.isnan(x) | (x == np.inf)).any(1) & (x > -np.inf).any(1)
    x = np.where(finite[:, None], x, 0.0)
    if coded:  # what is stored are log-probs already
        return np.zeros(len(x)), x, finite
    top = x.max(1)
    lse = top + np.log(np.exp(x - top[:, None]).sum(1))
    return lse, x - lse[:, None], finite


class Divergences(NamedTuple):
    """Of two rows of probabilities, p and q; one value per position [T]."""

    kld: np.ndarray  # KL(p || q)
    reverse: np.ndarray  # KL(q || p)
    jsd: np.ndarray
    tv: np.ndarray


def _divergences(
    p: np.ndarray, logp: np.ndarray, q: np.ndarray, logq: np.ndarray, where: np.ndarray
) -> Divergences:
    """Sums over the ids of `where` [T, V]; the others add nothing."""
    logm = np.logaddexp(logp, logq) - np.log(2)
    m = np.exp(logm)
    return Divergences(
        kld=_sum(_kl(p, logp, q, logq), where),
        reverse=_sum(_kl(q, logq, p, logp), where),
        jsd=_sum(_kl(p, logp, m, logm) + _kl(q, logq, m, logm), where) / 2,
        tv=_sum(abs(p - q), where) / 2,
    )


def _kl(p: np.ndarray, logp: np.ndarray, q: np.ndarray, logq: np.ndarray) -> np.ndarray:
    """The terms [T, V] of KL(p || q), none negative; an id that neither allows adds nothing."""
    with np.errstate(invalid="ignore", over="ignore"):  # in what np.where leaves out
        d = np.where(np.isinf(logp) & np.isinf(logq), 0.0, logp - logq)
        near = p * (np.expm1(-d) + d)
        far = q - p + np.where(p > 0, p * d, 0.0)
    return np.maximum(np.where(abs(d) < 1, near, far), 0)


def _llamacpp_kld(p: np.ndarray, logp: np.ndarray, logq: np.ndarray, coded: bool) -> np.ndarray:
    """KLD as llama-perplexity sums it: p ln p/q over log-probs above -16; of a live quant only."""
    if coded:
        return np.full(len(p), np.nan)
    with np.errstate(invalid="ignore"):
        return _sum(p * (logp - logq), logp > -16)


def _entropy(p: np.ndarray, logp: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return -_sum(p * logp, p > 0)


def _rank(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 + ids with a larger logit + lower ids with an equal one, [T]."""
    own = _at(x, y)[:, None]
    lower = np.arange(x.shape[1]) < y[:, None]
    return 1 + (x > own).sum(1) + ((x == own) & lower).sum(1)


def _descending(x: np.ndarray) -> np.ndarray:
    """Ids by falling logit, ties by rising id, [T, V]."""
    return np.argsort(-x, axis=1, kind="stable")


class Censored(NamedTuple):
    """What is known of the target; where it is clipped, only the bound."""

    nll: np.ndarray
    rank: np.ndarray
    at_least: np.ndarray


def _censor(nll: np.ndarray, rank: np.ndarray, at_least: np.ndarray) -> Censored:
    clipped = np.isinf(nll)
    return Censored(
        nll=np.where(clipped, np.nan, nll),
        rank=np.where(clipped, -1, rank),
        at_least=np.where(clipped, at_least, np.nan),
    )


def _at(values: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Row t's value of id y[t], [T]."""
    return values[np.arange(len(y)), y]


def _sum(terms: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Row by row over the ids of `where`; what the others hold, NaN included, does not count."""
    return np.where(where, terms, 0.0).sum(1)


def _joined(blocks: list[Rows]) -> Rows:
    columns = (None if parts[0] is None else np.concatenate(parts) for parts in zip(*blocks))
    return stored(type(blocks[0])._make(columns))
