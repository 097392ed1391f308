"""What the columns and functions of an opened warehouse are called, with their meaning."""

from typing import TYPE_CHECKING

from .warehouse import source

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


def columns(connection: "DuckDBPyConnection", name: str) -> "pl.DataFrame":
    """name, type, meaning of a table's columns. Raises QwhError for an unknown table."""
    source(connection, name)
    return connection.sql(
        """
        select column_name as name, lower(data_type) as type, comment as meaning,
        from duckdb_columns()
        where table_name = ?
        order by column_index
        """,
        params=[name],
    ).pl()


def macros(connection: "DuckDBPyConnection") -> "pl.DataFrame":
    """call, meaning: the functions that the warehouse adds to DuckDB's own in any shell."""
    return connection.sql(
        """
        select function_name || '(' || array_to_string(parameters, ', ') || ')' as call,
            comment as meaning,
        from duckdb_functions()
        where not internal and function_type like '%macro'
        order by call
        """
    ).pl()


def words(connection: "DuckDBPyConnection") -> list[str]:
    """What may stand in a query: tables, columns, functions and SQL's own words, in order."""
    found = connection.execute(WORDS).fetchall()
    return [word for (word,) in found]
