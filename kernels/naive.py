"""The truth: every per-position number in float64, plain torch, one row block at a time. Slow on purpose, simple to read.

KLD is a sum of terms that cannot be negative (Bregman form): with d = ln p - ln q,
    KL(p || q) = sum_i p_i (e^-d_i - 1 + d_i),
which is exactly 0 for equal rows and keeps its digits when p and q nearly agree.
"""

import math

import numpy as np

from .rows import QuantRows, ReferenceRows

NAME = "torch-f64"
ROWS = 16  # rows per block: bounds the float64 temporaries to ROWS x vocabulary


def reference_rows(logits_ref: np.ndarray, targets: np.ndarray, top_k: int = 32, threads: int | None = None) -> ReferenceRows:
    """Score the reference. logits_ref: [T, V] real; targets: [T] int, the realised tokens; top_k is cut to V."""
    import torch

    k = min(top_k, logits_ref.shape[1])
    blocks = []
    for x, y in _blocks(logits_ref, targets):
        lse, logp, finite = _normalise(x)
        p = logp.exp()
        ids = _descending(x)[:, : max(k, 2)]
        nll = -logp.gather(1, y[:, None])[:, 0]
        finite &= torch.isfinite(nll)
        top = logp.gather(1, ids)
        margin = top[:, 0] - top[:, 1] if ids.shape[1] > 1 else torch.full_like(nll, math.nan)
        blocks.append((nll, _entropy(p, logp), ids[:, 0], _rank(x, y), margin, lse, ids[:, :k], top[:, :k], finite))
    return ReferenceRows(*_columns(blocks, ReferenceRows))


def quant_rows(logits_ref: np.ndarray, reference: ReferenceRows, logits: np.ndarray, targets: np.ndarray, threads: int | None = None) -> QuantRows:
    """Score a quant against the reference. Both logits: [T, V] real."""
    import torch

    blocks = []
    at = 0
    for (x, y), (z, _) in zip(_blocks(logits_ref, targets), _blocks(logits, targets)):
        _, logp, finite_ref = _normalise(x)
        lse, logq, finite = _normalise(z)
        p, q = logp.exp(), logq.exp()
        logm = torch.logaddexp(logp, logq) - math.log(2)
        kld, reverse = _kl(p, logp, q, logq), _kl(q, logq, p, logp)
        jsd = (_kl(p, logp, logm.exp(), logm) + _kl(q, logq, logm.exp(), logm)) / 2
        nll = -logq.gather(1, y[:, None])[:, 0]
        ids = torch.from_numpy(reference.topk_ids[at : at + len(y)].astype(np.int64)).clamp(min=0)
        at += len(y)
        finite &= finite_ref & torch.isfinite(nll) & torch.isfinite(kld.float()) & torch.isfinite(reverse.float())
        blocks.append((nll, kld, reverse, jsd, (p - q).abs().sum(1) / 2, _entropy(q, logq), _descending(z)[:, 0], _rank(z, y), lse, logq.gather(1, ids), finite))
    return QuantRows(*_columns(blocks, QuantRows))


def _blocks(logits: np.ndarray, targets: np.ndarray):
    import torch

    for start in range(0, len(logits), ROWS):
        yield torch.from_numpy(np.asarray(logits[start : start + ROWS], np.float64)), torch.from_numpy(np.asarray(targets[start : start + ROWS], np.int64))


def _normalise(x):
    """(lse [T], log-probs [T, V], finite [T]); a row that is not finite becomes zeros, so that it poisons nothing."""
    import torch

    finite = ~(torch.isnan(x) | (x == math.inf)).any(1) & (x > -math.inf).any(1)
    x = x.masked_fill(~finite[:, None], 0.0)
    lse = torch.logsumexp(x, 1)
    return lse, x - lse[:, None], finite


def _kl(p, logp, q, logq):
    """KL(p || q) [T] as a sum of non-negative terms; an id that neither side allows adds nothing."""
    import torch

    d = torch.where(torch.isinf(logp) & torch.isinf(logq), 0.0, logp - logq)
    near = p * (torch.expm1(-d) + d)
    far = q - p + torch.where(p > 0, p * d, 0.0)
    return torch.where(d.abs() < 1, near, far).clamp(min=0).sum(1)


def _entropy(p, logp):
    import torch

    return -torch.where(p > 0, p * logp, 0.0).sum(1)


def _rank(x, y):
    """1 + ids with a larger logit + lower ids with an equal one, [T]."""
    import torch

    own = x.gather(1, y[:, None])
    lower = torch.arange(x.shape[1])[None, :] < y[:, None]
    return 1 + (x > own).sum(1) + ((x == own) & lower).sum(1)


def _descending(x):
    """Ids by falling logit, ties by rising id, [T, V]."""
    import torch

    return torch.sort(x, dim=1, descending=True, stable=True).indices


def _columns(blocks: list[tuple], kind: type) -> list[np.ndarray]:
    """Join the blocks and give each column its stored type; rows that are not finite become NaN and -1."""
    import torch

    finite = torch.cat([block[-1] for block in blocks]).numpy()
    columns = []
    for name, parts in zip(kind._fields[:-1], zip(*blocks)):
        values = torch.cat(parts).numpy()
        if values.dtype == np.int64:
            values = values.astype(np.int32)
            values[~finite] = -1
        else:
            values = values.astype(np.float64 if name.startswith("lse") else np.float32)
            values[~finite] = np.nan
        columns.append(values)
    return [*columns, finite]
