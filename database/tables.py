"""What Python gets of a warehouse: tables, analyses and what SQL says of them, as polars."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ExitCode, QwhError
from .names import relations
from .warehouse import Warehouse

if TYPE_CHECKING:
    import polars as pl


class Tables:
    """A built warehouse, read-only. Every question opens the file anew: a build may replace it."""

    def __init__(self, warehouse: Warehouse):
        self._warehouse = warehouse.built()

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._warehouse.folder

    def names(self) -> list[str]:
        """Every analysis and table, analyses first."""
        return [each.name for each in relations(self.folder)]

    def table(self, name: str, cohort: str | None = None) -> "pl.DataFrame":
        """All rows of an analysis or a table, of one cohort or of all.

        Raises QwhError for a name or a cohort that is not there.
        """
        return self._warehouse.relation(name, cohort)

    def sql(self, query: str) -> "pl.DataFrame":
        """The rows of a SELECT, which may call the statistics too; of several, the last one's.

        Raises QwhError for what would change something, and what DuckDB refuses.
        """
        answers = list(self._warehouse.ask(query))
        if not answers:
            raise QwhError("the query has no rows to give: end it with a SELECT", ExitCode.USAGE)
        return answers[-1]


def open_tables(path: str | Path = "warehouse") -> Tables:
    """A built warehouse by its folder. Raises QwhError where there is none."""
    return Tables(Warehouse(path))
