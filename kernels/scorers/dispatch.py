"""Which scorer runs: by where the logits lie and by what is installed. The names it gives are
stored with every run.

    CUDA tensors                -> triton-f32   (gpu.py)
    anything else, numba there  -> numba-f32    (cpu.py)
    anything else               -> torch-f64    (naive.py)
"""

from importlib.util import find_spec

import numpy as np

from .rows import Bfloat16Rows, CodedRows, QuantRows, ReferenceRows

try:
    from . import cpu as _on_cpu
except ImportError:
    if not find_spec("torch"):
        raise ImportError(
            "scoring needs numba or torch, and neither is installed: run pip install 'qwh[gguf]'"
        ) from None
    from . import naive as _on_cpu

BF16_FLOOR = (
    "bfloat16 logits put a floor of about 2e-4 nats under every KLD: let the model give float32, or"
    " say allow_bf16=True and have the run marked"
)


def reference_rows(
    logits_ref, targets, top_k: int = 32, threads: int | None = None, allow_bf16: bool = False
) -> ReferenceRows:
    """Score the reference. logits_ref: [T, V], a NumPy array, a torch tensor on any device, or
    CodedRows; targets: [T] int.

    Raises ValueError for bfloat16 logits unless they are allowed.
    """
    rows = _readable(logits_ref, allow_bf16)
    return _scorer(rows).reference_rows(rows, targets, top_k, threads)


def quant_rows(
    logits_ref,
    reference: ReferenceRows,
    logits,
    targets,
    threads: int | None = None,
    allow_bf16: bool = False,
) -> QuantRows:
    """Score a quant against the reference. Both [T, V], in any of reference_rows' forms, on one
    device.
    """
    x, z = _readable(logits_ref, allow_bf16), _readable(logits, allow_bf16)
    return _scorer(x).quant_rows(x, reference, z, targets, threads)


def estimator(logits=None) -> str:
    """The name of the scorer that takes these logits (by default: logits in the machine's own
    memory).
    """
    return _scorer(logits).NAME


def logits_dtype(logits) -> str:
    """The name that is stored of what the logits were: f32, f16, bf16, or u16-16 / u16-24 for codes
    of that depth in nats.
    """
    if isinstance(logits, CodedRows):
        return f"u16-{logits.depth:.0f}"
    if isinstance(logits, Bfloat16Rows):
        return "bf16"
    return {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "float64": "f64"}[
        str(logits.dtype).removeprefix("torch.")
    ]


def _scorer(logits):
    if getattr(logits, "is_cuda", False):
        from . import gpu

        return gpu
    return _on_cpu


def _readable(logits, allow_bf16: bool):
    """The same numbers in a form that the scorers read; a tensor in the machine's own memory is
    viewed, not copied.
    """
    if (
        not isinstance(logits, (CodedRows, Bfloat16Rows))
        and not isinstance(logits, np.ndarray)
        and not logits.is_cuda
    ):
        import torch

        logits = logits.detach().cpu()
        logits = (
            Bfloat16Rows(logits.view(torch.uint16).numpy())
            if logits.dtype == torch.bfloat16
            else logits.numpy()
        )
    if logits_dtype(logits) == "bf16" and not allow_bf16:
        raise ValueError(BF16_FLOOR)
    return logits


__all__ = [
    "Bfloat16Rows",
    "CodedRows",
    "QuantRows",
    "ReferenceRows",
    "estimator",
    "logits_dtype",
    "quant_rows",
    "reference_rows",
]
