"""Rows of a table that are asked for in words of SQL: which, in which order, how many."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ExitCode, QwhError, meant
from .warehouse import Warehouse, source

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyRelation


class RowChoice(NamedTuple):
    """Which rows of a table; None: all of them, as they stand."""

    cohort: str | None = None
    is_usual: bool = False  # the cohort is meant of what is kept by cohort, and of nothing else
    where: str | None = None  # one expression of SQL
    sort: tuple[str, ...] = ()  # columns, with - before one that descends
    limit: int | None = None


def rows_of(warehouse: Warehouse, name: str, asked: RowChoice) -> "tuple[pl.DataFrame, int]":
    """The rows, and how many there are without the limit.

    Raises QwhError for a name, a cohort or a column that is not there, and for a where that is not
    one expression over the table's columns. DuckDB parses it as that, and nothing can be changed:
    the connection is read-only.
    """
    with warehouse.open() as connection, _readable(name):
        found = source(connection, name)
        if asked.cohort and not (asked.is_usual and "cohort_id" not in found.columns):
            found = source(connection, name, asked.cohort)
        if asked.where is not None:
            found = _filtered(found, asked.where)
        for column in asked.sort:
            refuse_unknown_column(name, column.removeprefix("-"), found.columns)
        if asked.sort:
            found = found.order(", ".join(map(_order, asked.sort)))
        if asked.limit is None:
            frame = found.pl()
            return frame, frame.height
        return found.limit(asked.limit).pl(), _count(found)


def refuse_unknown_column(table: str, column: str, columns: list[str]) -> None:
    """Raise QwhError for a column that a table has not."""
    if column not in columns:
        raise QwhError(
            f"{table} has no column {column}: {meant(column, columns)}", ExitCode.NOT_FOUND
        )


def _count(found: "DuckDBPyRelation") -> int:
    return int(found.aggregate("count(*)").fetchall()[0][0])


def _order(column: str) -> str:
    """A column's part of ORDER BY; nulls stand last either way."""
    name = column.removeprefix("-").replace('"', '""')
    return f'"{name}" {"desc" if column.startswith("-") else "asc"} nulls last'


def _filtered(found: "DuckDBPyRelation", where: str) -> "DuckDBPyRelation":
    """The rows for which an expression holds."""
    import duckdb

    try:
        filtered = found.filter(where)
        _count(filtered)  # what an expression does wrong may show only when it is computed
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise QwhError(
            f"--where {where} is not one expression over these columns: {reason}: the columns are"
            f" {', '.join(found.columns)}",
            ExitCode.BAD_INPUT,
        ) from None
    return filtered


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Turns what DuckDB says of a table into one line."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise QwhError(f"cannot read {name}: {reason}: run qwh build", ExitCode.STORAGE) from None
