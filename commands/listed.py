"""All that can be shown of a warehouse, as a table: `qwh show` and `.tables` print it."""

import sys
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from ..exports.registry import SCREEN
from .look import Look, screen

if TYPE_CHECKING:
    from ..exports.port import Table

CUT = " ..."  # ends a sentence that is longer than its line


def listed(warehouse: Path, look: Look) -> "Table":
    """What can be shown, a line each: its name, and the sentence that its comment begins with."""
    from ..database.names import relations
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import GAP

    listed = relations(Warehouse(warehouse).built().folder)
    room = screen(look.wide, look.width) if look.format == SCREEN else None
    if room is not None:
        room = max(room - max(len(each.name) for each in listed) - len(GAP), len(CUT))
    rows = [
        {
            "name": each.name,
            "sentence": shorten(each.sentence, room or sys.maxsize, placeholder=CUT),
        }
        for each in listed
    ]
    return table(rows)
