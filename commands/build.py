"""`qwh init`, `build` and `status`: the warehouse itself."""

from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT, WarehouseOption


def init(
    folder: Annotated[Path | None, typer.Argument(help="Where to make it.")] = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Make an empty warehouse. Example: qwh init ./warehouse"""
    from ..raw.store import Store

    print(Store(folder or warehouse).create().raw.parent)


def build(
    full_refresh: Annotated[bool, typer.Option(help="Rebuild every table from raw.")] = False,
    select: Annotated[str | None, typer.Option(help="dbt's own selection of models.")] = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Refresh every table and run every data test (dbt build). Example: qwh build"""
    from ..database import build
    from ..database.warehouse import Warehouse

    build.build(Warehouse(warehouse), full_refresh, select)


def status(warehouse: WarehouseOption = DEFAULT) -> None:
    """Say what the warehouse holds, and what `qwh build` has not seen yet. Example: qwh status"""
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import render
    from ..progress import say

    rows = Warehouse(warehouse).status()
    if rows.is_empty():
        say(f"{warehouse}: no runs yet; qwh ingest puts some in")
    else:
        print(render(table(rows)))
