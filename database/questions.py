"""What commands ask about one cohort: the SELECTs of analyses/questions, with their variables."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import ExitCode, QwhError, meant
from .freshness import say_if_due
from .settings import variables
from .warehouse import PROJECT, Warehouse, refuse_set_aside

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

QUESTIONS = PROJECT / "analyses" / "questions"
VARIABLE = re.compile(r"getvariable\('(\w+)'\)")


class Cohort:
    """A cohort of a built warehouse that can be asked."""

    def __init__(self, connection: "DuckDBPyConnection", name: str, is_only: bool):
        self.connection = connection
        self.name = name
        self.is_only = is_only  # of its warehouse

    def ask(self, question: str, **values: Any) -> list[dict[str, Any]]:
        """The rows of a question. Variables that are not given are the project's settings.

        Raises QwhError where the tables are of an older version.
        """
        import duckdb

        text = (QUESTIONS / f"{question}.sql").read_text(encoding="utf-8")
        known = variables() | {"cohort": self.name} | values
        for name in set(VARIABLE.findall(text)):
            self.connection.execute(f"set variable {name} = ?", [known[name]])
        try:
            asked = self.connection.execute(text)
        except duckdb.CatalogException:
            raise QwhError(
                "this reads tables that were not built yet: run qwh build", ExitCode.NOT_FOUND
            ) from None
        names = [column[0] for column in asked.description or ()]
        return [dict(zip(names, row)) for row in asked.fetchall()]


@contextmanager
def asking(warehouse: Warehouse, cohort: str | None) -> Iterator[Cohort]:
    """The cohort of this name; None is the only one. Raises QwhError where that is not one."""
    with warehouse.open() as connection:
        say_if_due(warehouse)
        rows = connection.sql("select cohort_id from dim_cohorts order by 1").fetchall()
        names = [row[0] for row in rows]
        if cohort is None and len(names) == 1:
            [cohort] = names
        refuse_set_aside(connection, cohort)
        if cohort is None or cohort not in names:
            raise QwhError(
                f"there is no cohort called {cohort}: {meant(cohort, names)}"
                if cohort
                else f"which cohort: give --cohort one of {', '.join(names) or 'none yet'}",
                ExitCode.NOT_FOUND if cohort else ExitCode.USAGE,
            )
        yield Cohort(connection, cohort, len(names) == 1)
