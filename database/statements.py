"""Statements of SQL, asked one after the other of a connection that cannot change the file."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from ..errors import ExitCode, QwhError

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection, StatementType

READS = {"SELECT", "EXPLAIN", "MULTI"}  # a PIVOT is several statements: it lists its columns first
TEMPORARY = re.compile(
    r"(\s|--[^\n]*\n|/\*.*?\*/)*create\s+(or\s+replace\s+)?temp(orary)?\s", re.IGNORECASE | re.DOTALL
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
            if not is_temporary:
                yield rows
    except duckdb.InterruptException:
        raise QwhError("the query was stopped", ExitCode.INTERRUPTED) from None
    except duckdb.Error as error:
        raise QwhError(f"DuckDB refused the query: {error}", ExitCode.BAD_INPUT) from None


def words(connection: "DuckDBPyConnection") -> list[str]:
    """What may stand in a query: tables, columns, functions and SQL's own words, in order."""
    found = connection.execute(
        """
        select distinct word
        from (
            select table_name from duckdb_tables()
            union all select view_name from duckdb_views() where not internal
            union all select column_name from duckdb_columns() where not internal
            union all select function_name from duckdb_functions()
            union all select keyword_name from duckdb_keywords()
        ) as words (word)
        where regexp_full_match(word, '[a-z]\\w+')
        order by word
        """
    )
    return [word for (word,) in found.fetchall()]


def _rows(connection: "DuckDBPyConnection", query: str) -> "pl.DataFrame":
    """The rows of one statement, asked in a second thread: Python notices Ctrl-C in the first."""
    with ThreadPoolExecutor(1) as second:
        asked = second.submit(lambda: connection.execute(query).pl())
        try:
            while not wait([asked], LOOK).done:
                pass
        except KeyboardInterrupt:
            connection.interrupt()
        return asked.result()


def _refused(kind: "StatementType") -> QwhError:
    return QwhError(
        f"a {kind.name} statement would change something: the warehouse is read-only, use SELECT,"
        " or create temp table",
        ExitCode.USAGE,
    )
