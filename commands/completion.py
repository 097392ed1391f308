"""What the shell fills in: names out of the warehouse that the line names. It never errors."""

from collections.abc import Callable, Iterable
from pathlib import Path
from textwrap import shorten

import typer

from ..exports.registry import FORMATS
from .usual import usual_warehouse

LINE = 60  # characters of a sentence that stand beside a name


def relations(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Analyses and tables, each with its sentence."""
    from ..database import names

    def found() -> Iterable[tuple[str, str]]:
        every = names.relations(_warehouse(context))
        return [(each.name, shorten(each.sentence, LINE, placeholder=" ...")) for each in every]

    return _beginning(incomplete, found)


def cohorts(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Cohorts."""
    from ..database import names

    return _beginning(
        incomplete, lambda: [(name, "") for name in names.cohorts(_warehouse(context))]
    )


def quants(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Quants and references, of the cohort that the line names."""
    from ..database import names

    def found() -> Iterable[tuple[str, str]]:
        cohort = context.params.get("cohort")
        return [(name, "") for name in names.quants(_warehouse(context), cohort)]

    return _beginning(incomplete, found)


def formats() -> list[tuple[str, str]]:
    """What a table can be printed as."""
    return [(name, known.sentence) for name, known in FORMATS.items()]


def _beginning(
    incomplete: str, found: Callable[[], Iterable[tuple[str, str]]]
) -> list[tuple[str, str]]:
    """Those names that begin so; none where they cannot be had."""
    try:
        return [(name, help) for name, help in found() if name.startswith(incomplete)]
    except Exception:
        return []  # whatever is wrong with the warehouse: a shell that completes says nothing


def _warehouse(context: typer.Context) -> Path:
    """The warehouse that the line names so far, else the environment's, else the usual one."""
    return Path(context.params.get("warehouse") or usual_warehouse())
