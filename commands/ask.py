"""`qwh sql` and `qwh show`: what the warehouse holds, on the screen."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import ExitCode, QwhError
from ..exports.registry import SCREEN
from . import completion
from .listed import listed
from .look import Look, put, split
from .options import (
    DEFAULT,
    CohortOption,
    ColumnsOption,
    FormatOption,
    PagerOption,
    WarehouseOption,
    WideOption,
    WidthOption,
)

MOST = 10_000  # rows on a screen where nothing limits them


def sql(
    query: Annotated[
        str | None, typer.Argument(help="One SELECT or more; without it a shell opens.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("-f", "--file", help="Statements in a file, instead.")
    ] = None,
    format: FormatOption = SCREEN,
    wide: WideOption = False,
    width: WidthOption = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Ask the warehouse, read-only. Example: qwh sql "select quant_id, value from fct_fidelity" """
    from ..database.session import session
    from ..database.warehouse import Warehouse
    from .shell import answer, shell

    look = Look(format, None, wide, width)
    if query is not None and file is not None:
        raise QwhError("a query and -f: give one of them", ExitCode.USAGE)
    if file is not None:
        query = _read(file)
    with session(Warehouse(warehouse)) as opened:
        if query is None:
            shell(opened, look)
        else:
            answer(opened, query, look)


def _read(file: Path) -> str:
    """The text of a file of SQL. Raises QwhError."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise QwhError(
            f"cannot read {file}: {reason}: give a file of SQL", ExitCode.BAD_INPUT
        ) from None


def show(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            help="A table or an analysis; without it, all that there are.",
            autocompletion=completion.relations,
        ),
    ] = None,
    cohort: CohortOption = None,
    columns: ColumnsOption = None,
    where: Annotated[
        str | None, typer.Option(metavar="SQL", help="Only rows for which this holds: kld_mean < 1")
    ] = None,
    sort: Annotated[
        str | None, typer.Option(metavar="A,-B,...", help="By these columns; -B descends.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "--rows", help="The first so many rows.", min=1)
    ] = None,
    format: FormatOption = SCREEN,
    wide: WideOption = False,
    width: WidthOption = None,
    pager: PagerOption = True,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Print a table or an analysis, of a cohort or of all, or list them. The columns that fit the
    screen are shown, the most important ones first.

    Example: qwh show fidelity --where "kld_mean < 0.1" --sort -kld_mean
    """
    from ..database.freshness import say_if_due
    from ..database.names import why_empty
    from ..database.row_choice import RowChoice, rows_of
    from ..database.warehouse import Warehouse
    from ..exports.port import table

    look = Look(format, columns, wide, width, pager)
    if name is None:
        put(listed(warehouse, look), look)
        return
    is_usual = str(context.get_parameter_source("cohort")).endswith("ENVIRONMENT")
    limit = limit or (MOST if format == SCREEN else None)
    asked = RowChoice(cohort, is_usual, where, tuple(split(sort)), limit)
    say_if_due(Warehouse(warehouse))
    rows, total = rows_of(Warehouse(warehouse), name, asked)
    why = why_empty(warehouse, name) if total == 0 and where is None else ""
    shown = table(rows, name)._replace(total=total, is_one_cohort=cohort is not None)
    put(shown, look, (why,) if why else ())
