"""A warehouse that stays open while statements are asked of it, one after the other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .freshness import say_if_due
from .statements import ask
from .warehouse import Warehouse, source

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

WORDS = """
    select distinct word
    from (
        select table_name from duckdb_tables() where not internal
        union all select view_name from duckdb_views() where not internal
        union all select column_name from duckdb_columns() where not internal
        union all select function_name from duckdb_functions()
        union all select keyword_name from duckdb_keywords()
    ) as words (word)
    where regexp_full_match(word, '[a-z][a-z0-9_]+')
    order by word
"""
COLUMNS = """
    select column_name as name, lower(data_type) as type, comment as meaning,
    from duckdb_columns()
    where table_name = ?
    order by column_index
"""
COMMENT = """
    select comment from duckdb_tables() where table_name = $name
    union all select comment from duckdb_views() where view_name = $name
"""
MACROS = """
    select
        function_name || '(' || array_to_string(parameters, ', ') || ')' as call,
        comment as meaning,
    from duckdb_functions()
    where not internal and function_type like '%macro'
    order by call
"""


class Session:
    """One connection: temporary tables stay until it is closed."""

    def __init__(self, warehouse: Warehouse, connection: "DuckDBPyConnection"):
        self.warehouse = warehouse
        self._connection = connection

    def ask(self, text: str) -> "Iterator[pl.DataFrame]":
        """The rows of each statement. Raises QwhError as statements.ask does."""
        return ask(self._connection, text)

    def columns(self, name: str) -> "pl.DataFrame":
        """name, type, meaning of a table's columns. Raises QwhError for an unknown table."""
        source(self._connection, name)
        return self._connection.sql(COLUMNS, params=[name]).pl()

    def comment(self, name: str) -> str:
        """What a row of a table is and what it tells. Raises QwhError for an unknown table."""
        source(self._connection, name)
        (comment,) = self._connection.execute(COMMENT, {"name": name}).fetchall()[0]
        return " ".join((comment or "").split())

    def macros(self) -> "pl.DataFrame":
        """call, meaning: the functions that the warehouse adds to DuckDB's own in any shell."""
        return self._connection.sql(MACROS).pl()

    def words(self) -> list[str]:
        """What may stand in a query: tables, columns, functions, SQL's own words, in order."""
        return [word for (word,) in self._connection.execute(WORDS).fetchall()]


@contextmanager
def session(warehouse: Warehouse) -> Iterator[Session]:
    """An open warehouse; says on stderr where a build is due. Raises QwhError."""
    with warehouse.open() as connection:
        say_if_due(warehouse)
        yield Session(warehouse, connection)
