"""One warehouse on disk: where it lies, how it is opened (read-only), and what it answers."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ExitCode, QwhError, meant
from .database_file import broken
from .opened import opened

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

PROJECT = Path(__file__).resolve().parents[1]  # the dbt project ships inside the package
DATABASE = "warehouse.duckdb"


class Warehouse:
    """A folder with raw/ (Parquet, manifests) and warehouse.duckdb (all that is derived)."""

    def __init__(self, folder: Path | str, database: Path | None = None):
        self.folder = Path(folder).expanduser().resolve()
        self.database = database or self.folder / DATABASE

    def existing(self) -> "Warehouse":
        """This warehouse, or QwhError if `qwh init` never made it."""
        if not (self.folder / "raw" / "runs").is_dir():
            raise QwhError(
                f"{self.folder} is not a warehouse: run qwh init {self.folder}, or name another"
                " with --warehouse",
                ExitCode.NOT_FOUND,
            )
        return self

    def built(self) -> "Warehouse":
        """This warehouse, or QwhError if nothing was built in it yet."""
        if not self.existing().database.exists():
            raise QwhError(f"{self.folder} holds no tables yet: run qwh build", ExitCode.NOT_FOUND)
        return self

    @contextmanager
    def open(self) -> "Iterator[DuckDBPyConnection]":
        """A read-only connection with our functions, which reaches no file but raw/."""
        import duckdb

        from ..kernels import udf

        try:
            connection = opened(self.built().database, read_only=True)
        except duckdb.Error as error:
            raise broken(error) or QwhError(
                f"cannot open {self.database}: {str(error).splitlines()[0]}: close the program that"
                " holds it",
                ExitCode.STORAGE,
            ) from None
        with connection:
            udf.register(connection)
            # the views of single tokens read Parquet there, by patterns that escape its own signs
            raw = str(self.folder / "raw").replace("'", "''")
            pattern = re.sub(r"([*?[])", r"[\1]", raw)
            connection.execute(
                f"set variable qwh_raw = '{raw}'; set allowed_directories = ['{raw}', '{pattern}'];"
                " set enable_external_access = false; set lock_configuration = true"
            )
            try:
                yield connection
            except duckdb.Error as error:
                raise broken(error) or error from None

    def relation(self, name: str, cohort: str | None = None) -> "pl.DataFrame":
        """The rows of a table or an analysis, of one cohort or all.

        Raises QwhError for an unknown name or cohort.
        """
        with self.open() as connection:
            return source(connection, name, cohort).pl()

    def ask(self, text: str) -> "Iterator[pl.DataFrame]":
        """The rows of each statement of a text of SQL, as statements.ask gives them."""
        from . import statements

        with self.open() as connection:
            yield from statements.ask(connection, text)


def analyses() -> list[str]:
    """The names of the views that people read."""
    return sorted(path.stem for path in (PROJECT / "analyses").glob("*.sql"))


def source(
    connection: "DuckDBPyConnection", name: str, cohort: str | None = None
) -> "DuckDBPyRelation":
    """A table or an analysis, of one cohort or all, as DuckDB has it before any row is read.

    Raises QwhError for an unknown name or cohort.
    """
    import duckdb

    found = _named(connection, name)
    if cohort is None:
        return found
    if name != "unbuilt_cohorts":
        refuse_set_aside(connection, cohort)
    cohorts = [*_column(connection, "select cohort_id from dim_cohorts"), *_unbuilt(connection)]
    if cohort not in cohorts:
        raise QwhError(
            f"there is no cohort called {cohort}: {meant(cohort, cohorts)}", ExitCode.NOT_FOUND
        )
    if "cohort_id" not in found.columns:
        raise QwhError(f"{name} is not kept by cohort: leave --cohort out", ExitCode.USAGE)
    column, wanted = duckdb.ColumnExpression("cohort_id"), duckdb.ConstantExpression(cohort)
    return found.filter(column == wanted)


def _named(connection: "DuckDBPyConnection", name: str) -> "DuckDBPyRelation":
    """A table or an analysis."""
    import duckdb

    names = [*analyses(), *_tables(connection)]
    if name not in names:
        raise QwhError(
            f"there is no table or analysis called {name} (qwh show lists all):"
            f" {meant(name, names)}",
            ExitCode.NOT_FOUND,
        )
    try:
        return connection.table(name)
    except duckdb.CatalogException:  # it is not there, or a table that it reads
        raise QwhError(
            f"{name} reads tables that were not built yet: run qwh build", ExitCode.NOT_FOUND
        ) from None


def refuse_set_aside(connection: "DuckDBPyConnection", cohort: str | None) -> None:
    """Raise QwhError with the reason if the last build set a cohort aside."""
    reason = _unbuilt(connection).get(cohort or "")
    if reason:
        raise QwhError(
            f"cohort {cohort} is set aside: {reason}: mend that and run qwh build",
            ExitCode.NOT_FOUND,
        )


def _unbuilt(connection: "DuckDBPyConnection") -> dict[str, str]:
    """cohort -> why the last build set it aside; an older version's tables say nothing of it."""
    if "unbuilt_cohorts" not in _tables(connection):
        return {}
    return dict(connection.sql("select cohort_id, reason from unbuilt_cohorts").fetchall())


def _tables(connection: "DuckDBPyConnection") -> list[str]:
    """The names of all tables and views."""
    return _column(
        connection,
        "select table_name from information_schema.tables where table_schema = 'main' order by 1",
    )


def _column(connection: "DuckDBPyConnection", sql: str) -> list[str]:
    """The only column of a query."""
    return [row[0] for row in connection.sql(sql).fetchall()]
