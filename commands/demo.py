"""`qwh demo`: the main job on a real small model, and its tables at the README's width."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ExitCode, QwhError
from .options import DEFAULT, WarehouseOption
from .usual import usual_warehouse

if TYPE_CHECKING:
    from ..database.warehouse import Warehouse

WIDTH = 100  # columns of the README


def demo(
    quick: Annotated[
        bool, typer.Option("--quick", help="Five quants, some text, 51 prompts: as without it.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="35 quants and all 1,146 prompts: about an hour.")
    ] = False,
    study: Annotated[
        bool,
        typer.Option(
            "--study", help="What --full measured: loaded, built and printed, without any model."
        ),
    ] = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Run the whole way on a real small model: quantize, ingest, build, print what came out.

    Example: qwh demo
    """
    from ..database.warehouse import Warehouse
    from ..demo import run
    from ..demo.tables import DEMO, STUDY
    from ..progress import say
    from .overview import overview

    clock = time.monotonic()
    if quick + full + study > 1:
        raise QwhError("--quick, --full and --study: choose one of them", ExitCode.USAGE)
    cohort = run.load(warehouse) if study else run.run(warehouse, run.FULL if full else run.SHORT)
    filled, usual = Warehouse(warehouse), usual_warehouse()
    print(*tables(filled, cohort, STUDY if study else DEMO), sep="\n")
    print(
        f"The reference is an {run.MADE_FROM}: these figures compare quants with that copy,\n"
        "not with the original weights."
    )
    if not study:
        print(f"The models lie in {filled.folder / run.MODELS}: delete them when you like.")
    print(f"The tables are in {filled.database}.\n\n{overview(filled.folder, cohort, usual)}")
    say(f"done in {time.monotonic() - clock:,.0f} s")


def tables(warehouse: "Warehouse", cohort: str, names: Iterable[str]) -> list[str]:
    """What the demo prints: each of the tables that demo/tables.py names, and what raw/ holds."""
    from ..demo.tables import COLUMNS, held, shown
    from ..exports.port import table
    from ..exports.terminal import render

    chosen = [
        table(shown(warehouse, cohort, name), name).select(COLUMNS[name].split()) for name in names
    ]
    printed = [f"\n{each.name}\n{render(each, WIDTH)}" for each in chosen]
    return [*printed, f"\n{render(table(held(warehouse, cohort)), WIDTH)}\n"]
