"""Statements of SQL, asked one after the other of a connection that cannot change the file."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from ..errors import ExitCode, QwhError
from .database_file import broken

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection, DuckDBPyRelation, StatementType

READS = {"SELECT", "EXPLAIN", "MULTI"}  # a PIVOT is several statements: it lists its columns first
TEMPORARY = re.compile(
    r"(\s|--[^\n]*\n|/\*.*?\*/)*create\s+(or\s+replace\s+)?temp(orary)?\s",
    re.IGNORECASE | re.DOTALL,
)
LOOK = 0.1  # seconds between two looks at a query that runs


def ask(connection: "DuckDBPyConnection", text: str) -> "Iterator[pl.DataFrame]":
    """The rows of each statement; one that makes a temporary table or view has none.

    Raises QwhError for a statement that would change something, one that DuckDB refuses, and one
    that Ctrl-C stopped.
    """
    import duckdb

    try:
        for statement in connection.extract_statements(text):
            is_temporary = TEMPORARY.match(statement.query) is not None
            if not is_temporary and statement.type.name not in READS:
                raise _refused(statement.type)
            rows = _rows(connection, statement.query)
            if rows is not None and not is_temporary:
                yield rows
    except duckdb.Error as error:
        refused = QwhError(f"DuckDB refused the query: {error}", ExitCode.BAD_INPUT)
        raise broken(error) or refused from None


def _rows(connection: "DuckDBPyConnection", query: str) -> "pl.DataFrame | None":
    """The rows of one statement, asked in a second thread: Python notices Ctrl-C in the first."""
    with ThreadPoolExecutor(1) as second:
        asked = second.submit(lambda: _whole(connection.sql(query)))
        try:
            while not wait([asked], LOOK).done:
                pass
        except KeyboardInterrupt:
            while not wait([asked], LOOK).done:  # it may not have begun when it is first told
                connection.interrupt()
            raise QwhError("the query was stopped", ExitCode.INTERRUPTED) from None
        return asked.result()


def _whole(relation: "DuckDBPyRelation | None") -> "pl.DataFrame | None":
    """All rows; a statement that makes something gives no relation."""
    return None if relation is None else relation.pl()


def _refused(kind: "StatementType") -> QwhError:
    return QwhError(
        f"a {kind.name} statement would change something: the warehouse is read-only, use SELECT,"
        " or create temp table",
        ExitCode.USAGE,
    )
