"""qwh, the quant warehouse: fidelity of quantized language models per token, in SQL.

From Python, with rows as polars.DataFrame:

    import qwh

    w = qwh.open("warehouse")                   # a folder, as str or Path; read-only
    w.names()                                   # analyses and tables
    w.table("fidelity", cohort="m")             # all rows of one, of a cohort or of all
    w.sql("select quant_id, kld from int_tokens where kld > 1")

What cannot be answered raises qwh.QwhError, whose text is one line. `qwh.Warehouse(path)` is the
folder itself: `Warehouse(path).open()` gives DuckDB's own connection, as a context manager.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .database.tables import Tables
    from .database.tables import open_tables as open
    from .database.warehouse import Warehouse
    from .errors import QwhError

__all__ = ["QwhError", "Tables", "Warehouse", "open"]

_PLACES = {  # name -> its module and its name there
    "QwhError": ("errors", "QwhError"),
    "Tables": ("database.tables", "Tables"),
    "Warehouse": ("database.warehouse", "Warehouse"),
    "open": ("database.tables", "open_tables"),
}


def __getattr__(name: str) -> Any:
    """Each on first use: a warehouse brings pyarrow, which `qwh --help` must not wait for, and in a
    clone of another name pytest imports this file on its own.
    """
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, there = _PLACES[name]
    return getattr(import_module(f".{module}", __name__), there)
