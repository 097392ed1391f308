"""`qwh sql` and `qwh show`: what the warehouse holds, on the screen."""

from typing import Annotated

import typer

from .options import (
    DEFAULT,
    CohortOption,
    WarehouseOption,
    WideOption,
    WidthOption,
    screen,
)


def sql(
    query: Annotated[
        str | None, typer.Argument(help="One SELECT; without it a shell opens.")
    ] = None,
    wide: WideOption = False,
    width: WidthOption = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Ask the warehouse, read-only. Example: qwh sql "select quant_id, value from fct_fidelity" """
    from ..database.warehouse import Warehouse
    from .shell import answer, shell

    if query is None:
        shell(Warehouse(warehouse), screen(wide, width))
    else:
        answer(Warehouse(warehouse), query, screen(wide, width))


def show(
    name: Annotated[str, typer.Argument(help="A table or an analysis.")],
    cohort: CohortOption = None,
    rows: Annotated[
        int | None, typer.Option(help="Only the first so many of its rows.", min=1)
    ] = None,
    wide: WideOption = False,
    width: WidthOption = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Print a table or an analysis, of one cohort without its name. Example: qwh show fidelity"""
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import render

    found = Warehouse(warehouse).relation(name, cohort)
    shown = table(found if rows is None else found.head(rows), name)._replace(total=found.height)
    print(render(shown, screen(wide, width)))
