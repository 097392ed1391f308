"""qwh, the quant warehouse: fidelity of quantized language models per token, in SQL.

From Python: qwh.Warehouse("warehouse").relation("fidelity") are the rows of an analysis.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .database.warehouse import Warehouse
    from .errors import QwhError

__all__ = ["QwhError", "Warehouse"]


def __getattr__(name: str) -> Any:
    """Both on first use: Warehouse brings pyarrow, which `qwh --help` must not wait for, and in a
    clone of another name pytest imports this file on its own.
    """
    if name == "QwhError":
        from .errors import QwhError

        return QwhError
    if name == "Warehouse":
        from .database.warehouse import Warehouse

        return Warehouse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
