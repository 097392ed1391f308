"""The scorer's columns in plain torch, as one writes them: what the kernels are timed beside."""

import torch


def kld_only(x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """KL(x || z) of each row of logits [T, V], float32: [T]."""
    logp, logq = torch.log_softmax(x.float(), 1), torch.log_softmax(z.float(), 1)
    return torch.nn.functional.kl_div(logq, logp, reduction="none", log_target=True).sum(1)


def columns(x: torch.Tensor, z: torch.Tensor, y: torch.Tensor, top_k: bool) -> tuple:
    """Every column of logits [T, V] and targets [T], float32; top_k: at 32 ids, too."""
    x, z = x.float(), z.float()
    logp, logq = torch.log_softmax(x, 1), torch.log_softmax(z, 1)
    p, q = logp.exp(), logq.exp()
    logm = ((p + q) / 2).log()
    y = y.long()[:, None]
    ids = logp.topk(32).indices if top_k else y
    return (
        (p * (logp - logq)).sum(1),
        (q * (logq - logp)).sum(1),
        ((p * (logp - logm)).sum(1) + (q * (logq - logm)).sum(1)) / 2,
        (p - q).abs().sum(1) / 2,
        -(p * logp).sum(1),
        -(q * logq).sum(1),
        x.argmax(1),
        z.argmax(1),
        logp.gather(1, y),
        logq.gather(1, y),
        (x > x.gather(1, y)).sum(1),
        (z > z.gather(1, y)).sum(1),
        torch.logsumexp(x, 1),
        torch.logsumexp(z, 1),
        logp.gather(1, ids),
        logq.gather(1, ids),
    )
