"""qwh, the quant warehouse: fidelity of quantized language models per token, in SQL.

From Python: qwh.Warehouse("warehouse").relation("fidelity") are the rows of an analysis.
"""

from typing import TYPE_CHECKING, Any

from .errors import QwhError

if TYPE_CHECKING:
    from .database.warehouse import Warehouse

__all__ = ["QwhError", "Warehouse"]


def __getattr__(name: str) -> Any:
    """Warehouse on first use: it brings pyarrow, which `qwh --help` must not wait for."""
    if name != "Warehouse":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .database.warehouse import Warehouse

    return Warehouse
