"""`qwh export`: a table or an analysis as a file."""

from pathlib import Path
from typing import Annotated

import typer

from ..exports.registry import FORMATS, SCREEN, STDOUT, choose, write
from . import completion
from .look import Look, chosen, put
from .options import DEFAULT, CohortOption, ColumnsOption, WarehouseOption


def export(
    name: Annotated[
        str,
        typer.Argument(help="A table or an analysis.", autocompletion=completion.relations),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write; - is stdout.")],
    format: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(FORMATS),
            help="; ".join(f"{name}: {known.sentence}" for name, known in FORMATS.items())
            + ". Default: what the file's ending says.",
            autocompletion=completion.formats,
        ),
    ] = None,
    columns: ColumnsOption = None,
    cohort: CohortOption = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Write a table or an analysis to a file.

    Example: qwh export correlations -o table.tex
    """
    from ..database.warehouse import Warehouse
    from ..exports.port import table

    known = None if format == SCREEN and output == STDOUT else choose(format, output)
    asked = table(Warehouse(warehouse).relation(name, cohort), name)
    if output == STDOUT:
        put(asked, Look(format or SCREEN, columns))
    elif known:
        write(asked.select(chosen(asked, columns)) if columns else asked, known, output)
