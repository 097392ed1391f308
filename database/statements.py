"""Statements of SQL, asked one after the other of a connection that cannot change the file."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from ..errors import ExitCode, QwhError
from .database_file import broken

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection, DuckDBPyRelation, Statement

READS = {"SELECT", "EXPLAIN", "MULTI"}  # MULTI is a PIVOT, which lists its columns first
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
            if not _is_safe(statement):
                raise _refused(kind(statement))
            rows = _rows(connection, statement)
            if rows is not None and kind(statement) != "CREATE":
                yield rows
    except duckdb.Error as error:
        refused = QwhError(f"DuckDB refused the query: {error}", ExitCode.BAD_INPUT)
        raise broken(error) or refused from None


def _is_safe(statement: "Statement") -> bool:
    """Whether it only reads, or makes what goes with the connection; DuckDB refuses the rest too.

    Of a PIVOT, DuckDB 1.5 gives a first part without a text, which lists its columns.
    """
    what, text = kind(statement), statement.query
    return what in READS or (what == "CREATE" and (not text or bool(TEMPORARY.match(text))))


def kind(statement: "Statement") -> str:
    """The name of a statement's type; DuckDB has some that its Python package cannot name."""
    try:
        return str(statement.type.name)
    except ValueError:
        return statement.query.split(maxsplit=1)[0].upper()


def _rows(connection: "DuckDBPyConnection", statement: "Statement") -> "pl.DataFrame | None":
    """The rows of one statement, asked in a second thread: Python notices Ctrl-C in the first."""
    with ThreadPoolExecutor(1) as second:
        asked = second.submit(lambda: _whole(connection.sql(statement)))
        try:
            while not wait([asked], LOOK).done:
                pass
        except KeyboardInterrupt:
            while not wait([asked], LOOK).done:  # it may not have begun when it is first told
                connection.interrupt()
            raise QwhError("the query was stopped", ExitCode.INTERRUPTED) from None
        return asked.result()


def _whole(relation: "DuckDBPyRelation | None") -> "pl.DataFrame | None":
    """All rows; a statement that makes something gives no relation.

    A VARIANT, which DuckDB's lists of its own settings have, is given as its text.
    """
    if relation is None or "VARIANT" not in relation.types:
        return None if relation is None else relation.pl()
    quoted = [f'"{name.replace(chr(34), chr(34) * 2)}"' for name in relation.columns]
    cells = zip(quoted, relation.types, strict=True)
    shown = [f"{name}::varchar as {name}" if each == "VARIANT" else name for name, each in cells]
    return relation.project(", ".join(shown)).pl()


def _refused(what: str) -> QwhError:
    return QwhError(
        f"a {what} statement would change something: the warehouse is read-only, use SELECT,"
        " or create temp table",
        ExitCode.USAGE,
    )
