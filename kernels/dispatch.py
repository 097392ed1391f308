"""Which scorer runs here: the numba kernel where numba can be imported, else float64 torch."""

from importlib.util import find_spec

from .rows import QuantRows, ReferenceRows

try:
    from . import cpu as _scorer
except ImportError:
    if not find_spec("torch"):
        raise ImportError("scoring needs numba or torch, and neither is installed: run pip install 'qwh[gguf]'") from None
    from . import naive as _scorer

reference_rows = _scorer.reference_rows
quant_rows = _scorer.quant_rows


def estimator() -> str:
    """The name that is stored with every run scored here."""
    return _scorer.NAME


__all__ = ["QuantRows", "ReferenceRows", "estimator", "quant_rows", "reference_rows"]
