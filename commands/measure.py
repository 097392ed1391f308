"""`qwh measure add`, `list` and `remove`: figures of one's own in the study's tables."""

from typing import Annotated

import typer

from .options import DEFAULT, WarehouseOption

measure = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Figures of your own in the study's tables."
)


@measure.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    sql: Annotated[
        str, typer.Argument(help="One SELECT that gives cohort_id, quant_id and value.")
    ],
    smaller_is_further: Annotated[
        bool,
        typer.Option("--smaller-is-further", help="A smaller value is further from the reference."),
    ] = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Put a figure of your own into the variant table, under the same max-T protection.

    `qwh build` asks it anew.

    Example: qwh measure add kld_uncertain "select cohort_id, quant_id, avg(kld) as value from
    int_tokens where entropy_ref > 3 group by all"
    """
    from ..database import measures
    from ..database.warehouse import Warehouse

    found = measures.add(Warehouse(warehouse), name, sql, smaller_is_further)
    for cohort_id, quant_id, value in sorted(found):
        print(f"{cohort_id}  {quant_id}  {value:.6g}")


@measure.command("list")
def listed(warehouse: WarehouseOption = DEFAULT) -> None:
    """Print every measure and its SELECT. Example: qwh measure list"""
    from ..database import measures
    from ..database.warehouse import Warehouse

    for each in measures.listed(Warehouse(warehouse)):
        print(f"{each.name}  {each.sql or each.flaw}")


@measure.command()
def remove(
    name: Annotated[str, typer.Argument(help="The measure.")], warehouse: WarehouseOption = DEFAULT
) -> None:
    """Forget a measure. Example: qwh measure remove kld_uncertain"""
    from ..database import measures
    from ..database.warehouse import Warehouse

    measures.remove(Warehouse(warehouse), name)
