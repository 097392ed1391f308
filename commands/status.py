"""`qwh status`: what the warehouse holds, what no build has seen yet, and what is half done."""

from .look import screen
from .options import DEFAULT, WarehouseOption


def status(warehouse: WarehouseOption = DEFAULT) -> None:
    """Say what the warehouse holds, and what `qwh build` has not seen yet. Example: qwh status"""
    from ..database.freshness import say_if_due
    from ..database.holdings import holdings
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import render
    from ..progress import say
    from ..raw import staging
    from ..raw.store import Store

    rows = holdings(Warehouse(warehouse))
    if rows.is_empty():
        say(f"{warehouse}: no runs yet; qwh ingest puts some in")
    else:
        print(render(table(rows), screen()))
    for each in staging.checkpoints(Store(warehouse).staging):
        if each["reference"]:
            say(f"{each['name']} is half done: the command that began it goes on from there")
    if not rows.is_empty():
        say_if_due(Warehouse(warehouse))
