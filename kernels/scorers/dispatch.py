"""Which scorer runs: by where the logits lie and by what is installed.

The names it gives are stored with every run.
    CUDA tensors                -> triton-f32   (gpu.py)
    anything else, numba there  -> numba-f32    (cpu.py)
    anything else               -> numpy-f64    (naive.py)
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from .rows import END, AnswerRows, Bfloat16Rows, CodedRows, Logits, QuantRows, ReferenceRows

if TYPE_CHECKING:
    import torch

try:
    from . import answers as _answers
    from . import cpu as _on_cpu
except ImportError:  # no numba
    from . import naive as _answers  # type: ignore[no-redef]
    from . import naive as _on_cpu  # type: ignore[no-redef]

BF16_FLOOR = (
    "bfloat16 logits put a floor of about 2e-4 nats under every KLD: let the model give float32"
)


def reference_rows(
    logits_ref: Logits | torch.Tensor,
    targets: np.ndarray,
    top_k: int = 32,
    threads: int | None = None,
) -> ReferenceRows:
    """Score the reference where its logits lie.

    logits_ref: [T, V], a NumPy array, a torch tensor on any device, or CodedRows; targets: [T]
    int. Raises ValueError for bfloat16 logits.
    """
    rows = _readable(logits_ref)
    return _scorer(rows).reference_rows(rows, targets, top_k, threads)


def quant_rows(
    logits_ref: Logits | torch.Tensor,
    reference: ReferenceRows,
    logits: Logits | torch.Tensor,
    targets: np.ndarray,
    threads: int | None = None,
) -> QuantRows:
    """Score a quant against the reference, where the reference's logits lie.

    Both [T, V], in any of reference_rows' forms, on one device.
    """
    x, z = _readable(logits_ref), _readable(logits)
    return _scorer(x).quant_rows(x, reference, z, targets, threads)


def answer_rows(
    logits: Logits | torch.Tensor,
    targets: np.ndarray,
    ends: np.ndarray,
    temperatures: tuple[float, ...],
    threads: int | None = None,
) -> AnswerRows:
    """Score accepted answers in the machine's own memory; their few rows are copied there.

    logits: [T, V] float32 or float16, a NumPy array or a torch tensor on any device; targets: [T]
    int, an id or END; ends: ids that end an answer; temperatures: K numbers above 0. Raises
    ValueError for bfloat16 logits.
    """
    here = logits.cpu() if getattr(logits, "is_cuda", False) else logits  # type: ignore[union-attr]
    return _answers.answer_rows(_readable(here), targets, ends, temperatures, threads)


def estimator(logits: Logits | torch.Tensor | None = None) -> str:
    """The name of the scorer that takes these logits.

    By default: logits in the machine's own memory.
    """
    return _scorer(logits).NAME


def logits_dtype(logits: Logits | torch.Tensor) -> str:
    """The name that is stored of what the logits were.

    f32, f16, bf16, f64, or u16-16 and u16-24 for codes of that depth in nats.
    """
    if isinstance(logits, CodedRows):
        return f"u16-{logits.depth:.0f}"
    if isinstance(logits, Bfloat16Rows):
        return "bf16"
    name = str(logits.dtype).removeprefix("torch.")
    short = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "float64": "f64"}
    return short.get(name, name)


def _scorer(logits: Logits | torch.Tensor | None) -> ModuleType:
    if getattr(logits, "is_cuda", False):
        from . import gpu

        return gpu
    return _on_cpu


def _readable(logits: Logits | torch.Tensor) -> Logits | torch.Tensor:
    """The same numbers in a form that the scorers read.

    A tensor in the machine's own memory is viewed, not copied.
    """
    if not isinstance(logits, np.ndarray | CodedRows | Bfloat16Rows) and not logits.is_cuda:
        import torch

        logits = logits.detach().cpu()
        logits = (
            Bfloat16Rows(logits.view(torch.uint16).numpy())
            if logits.dtype == torch.bfloat16
            else logits.numpy()
        )
    if logits_dtype(logits) == "bf16":
        raise ValueError(BF16_FLOOR)
    return logits


__all__ = [
    "END",
    "AnswerRows",
    "Bfloat16Rows",
    "CodedRows",
    "QuantRows",
    "ReferenceRows",
    "answer_rows",
    "estimator",
    "logits_dtype",
    "quant_rows",
    "reference_rows",
]
