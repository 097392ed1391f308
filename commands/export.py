"""`qwh export`: a table or an analysis as a file."""

from pathlib import Path
from typing import Annotated

import typer

from ..exports.registry import FORMATS, choose, write
from .options import DEFAULT, CohortOption, WarehouseOption


def export(
    name: Annotated[str, typer.Argument(help="A table or an analysis.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    format: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(FORMATS),
            help="; ".join(f"{name}: {known.sentence}" for name, known in FORMATS.items())
            + ". Default: what the file's ending says.",
        ),
    ] = None,
    cohort: CohortOption = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Write a table or an analysis to a file.

    Example: qwh export correlations -o table.tex
    """
    from ..database.warehouse import Warehouse
    from ..exports.port import table

    known = choose(format, output)
    write(table(Warehouse(warehouse).relation(name, cohort), name), known, output)
