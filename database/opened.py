"""DuckDB's files as this package opens them: quietly, for its bar would stand among our output."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def opened(database: Path | None = None, **options: Any) -> "DuckDBPyConnection":
    """A connection to a file, or to one in memory; options: duckdb.connect's. Raises its errors."""
    import duckdb

    connection = duckdb.connect(":memory:" if database is None else str(database), **options)
    with suppress(duckdb.InvalidInputException):  # where this process has it open, and locked
        connection.execute("set enable_progress_bar = false")
    return connection
