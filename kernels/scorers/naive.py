"""The truth: every per-position number in float64, plain torch, one row block at a time. Slow on
purpose, simple to read.

KLD is a sum of terms that cannot be negative (Bregman form): with d = ln p - ln q,
    KL(p || q) = sum_i p_i (e^-d_i - 1 + d_i),
which is exactly 0 for equal rows and keeps its digits when p and q nearly agree.
"""

import math

import numpy as np

from .rows import Bfloat16Rows, CodedRows, QuantRows, ReferenceRows

NAME = "torch-f64"
ROWS = 16  # rows per block: bounds the float64 temporaries to ROWS x vocabulary


def reference_rows(
    logits_ref: np.ndarray | CodedRows | Bfloat16Rows,
    targets: np.ndarray,
    top_k: int = 32,
    threads: int | None = None,
) -> ReferenceRows:
    """Score the reference. logits_ref: [T, V] float32, float16, bfloat16 or coded; targets: [T]
    int, the realised tokens; top_k is cut to V.
    """
    import torch

    k = min(top_k, logits_ref.shape[1])
    blocks = []
    for x, y, coded, at_least in _blocks(logits_ref, targets):
        lse, logp, finite = _normalise(x, coded)
        p = logp.exp()
        ids = _descending(x)[:, : max(k, 2)]
        nll = -logp.gather(1, y[:, None])[:, 0]
        finite &= torch.isfinite(nll) | coded
        top = logp.gather(1, ids)
        margin = top[:, 0] - top[:, 1] if ids.shape[1] > 1 else torch.full_like(nll, math.nan)
        unknown = coded & torch.isinf(top)
        ids, top = ids.masked_fill(unknown, -1), top.masked_fill(unknown, math.nan)
        nll, rank, bound = _censor(nll, _rank(x, y), at_least)
        blocks.append(
            (
                nll,
                _entropy(p, logp),
                ids[:, 0],
                rank,
                margin,
                lse,
                ids[:, :k],
                top[:, :k],
                finite,
                (1 - p.sum(1)).clamp(min=0),
                bound,
            )
        )
    return ReferenceRows(
        *_columns(blocks, ReferenceRows, 2 if isinstance(logits_ref, CodedRows) else 0)
    )


def quant_rows(
    logits_ref: np.ndarray | CodedRows | Bfloat16Rows,
    reference: ReferenceRows,
    logits: np.ndarray | CodedRows | Bfloat16Rows,
    targets: np.ndarray,
    threads: int | None = None,
) -> QuantRows:
    """Score a quant against the reference. Both [T, V], in any of the forms; coded quants need a
    coded reference (else ValueError).
    """
    import torch

    if isinstance(logits, CodedRows) and not isinstance(logits_ref, CodedRows):
        raise ValueError(
            "a quant's logits file can be scored against the reference's logits file only"
        )
    blocks = []
    at = 0
    for (x, y, coded_ref, _), (z, _, coded, at_least) in zip(
        _blocks(logits_ref, targets), _blocks(logits, targets)
    ):
        _, logp, finite_ref = _normalise(x, coded_ref)
        lse, logq, finite = _normalise(z, coded)
        # adds nothing to any divergence
        clipped = (coded_ref & torch.isinf(logp)) | (coded & torch.isinf(logq))
        p, q = logp.exp(), logq.exp()
        logm = torch.logaddexp(logp, logq) - math.log(2)
        kept = lambda terms: torch.where(clipped, 0.0, terms).sum(1)
        kld, reverse = kept(_kl(p, logp, q, logq)), kept(_kl(q, logq, p, logp))
        jsd = kept(_kl(p, logp, logm.exp(), logm) + _kl(q, logq, logm.exp(), logm)) / 2
        nll = -logq.gather(1, y[:, None])[:, 0]
        ids = torch.from_numpy(reference.topk_ids[at : at + len(y)].astype(np.int64))
        top = logq.gather(1, ids.clamp(min=0)).masked_fill(ids < 0, math.nan)
        at += len(y)
        finite &= (
            finite_ref
            & (torch.isfinite(nll) | coded)
            & torch.isfinite(kld.float())
            & torch.isfinite(reverse.float())
        )
        nll, rank, bound = _censor(nll, _rank(z, y), at_least)
        theirs = torch.where(logp > -16, p * (logp - logq), 0.0).sum(1)
        mass = torch.where(coded_ref & torch.isinf(logp), q, 0.0).sum(1)
        blocks.append(
            (
                nll,
                kld,
                reverse,
                jsd,
                kept((p - q).abs()) / 2,
                _entropy(q, logq),
                _descending(z)[:, 0],
                rank,
                lse,
                top,
                finite,
                mass,
                bound,
                theirs.masked_fill(torch.tensor(coded), math.nan),
            )
        )
    return QuantRows(*_columns(blocks, QuantRows, 3 if isinstance(logits_ref, CodedRows) else 0))


def _blocks(logits: np.ndarray | CodedRows | Bfloat16Rows, targets: np.ndarray):
    """Yields logits [rows, V] float64, targets [rows], whether they are coded, and the rows' lower
    bounds of a clipped NLL.
    """
    import torch

    coded = isinstance(logits, CodedRows)
    for start in range(0, len(targets), ROWS):
        part, at_least = slice(start, start + ROWS), None
        if coded:
            scale, minimum = logits.headers[part, :1], logits.headers[part, 1:]
            # float32 is the format's own arithmetic
            values = scale * logits.codes[part].astype(np.float32) + minimum
            at_least = torch.from_numpy(-minimum[:, 0].astype(np.float64))
            values[logits.clipped[part, None] & (logits.codes[part] == 0)] = -np.inf
        elif isinstance(logits, Bfloat16Rows):
            values = (logits.bits[part].astype(np.uint32) << 16).view(np.float32)
        else:
            values = logits[part]
        yield (
            torch.from_numpy(np.asarray(values, np.float64)),
            torch.from_numpy(np.asarray(targets[part], np.int64)),
            coded,
            at_least,
        )


def _normalise(x, coded: bool):
    """(lse [T], log-probs [T, V], finite [T]); a row that is not finite becomes zeros, so that it
    poisons nothing.
    """
    import torch

    finite = ~(torch.isnan(x) | (x == math.inf)).any(1) & (x > -math.inf).any(1)
    x = x.masked_fill(~finite[:, None], 0.0)
    # what is stored are log-probs already
    lse = torch.zeros(len(x), dtype=x.dtype) if coded else torch.logsumexp(x, 1)
    return lse, x - lse[:, None], finite


def _kl(p, logp, q, logq):
    """The terms [T, V] of KL(p || q), none negative; an id that neither side allows adds
    nothing.
    """
    import torch

    d = torch.where(torch.isinf(logp) & torch.isinf(logq), 0.0, logp - logq)
    near = p * (torch.expm1(-d) + d)
    far = q - p + torch.where(p > 0, p * d, 0.0)
    return torch.where(d.abs() < 1, near, far).clamp(min=0)


def _entropy(p, logp):
    import torch

    return -torch.where(p > 0, p * logp, 0.0).sum(1)


def _rank(x, y):
    """1 + ids with a larger logit + lower ids with an equal one, [T]."""
    import torch

    own = x.gather(1, y[:, None])
    lower = torch.arange(x.shape[1])[None, :] < y[:, None]
    return 1 + (x > own).sum(1) + ((x == own) & lower).sum(1)


def _censor(nll, rank, at_least):
    """(NLL, rank, lower bound of the NLL): where a coded target is clipped, only the bound is
    known.
    """
    import torch

    clipped = torch.isinf(nll)
    if at_least is None:
        at_least = torch.full_like(nll, math.nan)
    return (
        nll.masked_fill(clipped, math.nan),
        rank.masked_fill(clipped, -1),
        at_least.masked_fill(~clipped, math.nan),
    )


def _descending(x):
    """Ids by falling logit, ties by rising id, [T, V]."""
    import torch

    return torch.sort(x, dim=1, descending=True, stable=True).indices


def _columns(blocks: list[tuple], kind: type, optional: int) -> list[np.ndarray | None]:
    """Join the blocks and give each column its stored type; rows that are not finite become NaN and
    -1.

    optional: how many of kind's optional columns, which come last, are kept.
    """
    import torch

    columns = dict(zip(kind._fields, (torch.cat(parts).numpy() for parts in zip(*blocks))))
    flag = next(name for name in columns if name.startswith("finite"))
    finite = columns[flag]
    for name, values in columns.items():
        if name == flag:
            continue
        if values.dtype == np.int64:
            columns[name] = np.where(
                finite.reshape(-1, *[1] * (values.ndim - 1)), values, -1
            ).astype(np.int32)
        else:
            columns[name] = values.astype(np.float64 if name.startswith("lse") else np.float32)
            columns[name][~finite] = np.nan
    required = len(kind._fields) - len(kind._field_defaults)
    return list(columns.values())[: required + optional]
