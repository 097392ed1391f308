"""All that can be shown of a warehouse, as a table: `qwh show` and `.tables` print it."""

import re
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from ..exports.registry import SCREEN
from .look import Look, screen

if TYPE_CHECKING:
    from ..exports.port import Table

CUT = " ..."  # ends a sentence that is longer than its line
GRAIN = re.compile(r"^One row per [^:]+: ")


def listed(warehouse: Path, look: Look) -> "Table":
    """What can be shown, a line each: its name, and the sentence that its comment begins with."""
    from ..database.names import relations
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import GAP

    listed = relations(Warehouse(warehouse).built().folder)
    room = screen(look.wide, look.width) if look.format == SCREEN else None
    if room is not None:
        room -= max(len(each.name) for each in listed) + len(GAP)
    return table([{"name": name, "sentence": _fitted(told, room)} for name, told in listed])


def _fitted(sentence: str, room: int | None) -> str:
    """A sentence on one line: where it does not fit, without what a row is, then cut."""
    if room is None or len(sentence) <= room:
        return sentence
    told = GRAIN.sub("", sentence)
    return shorten(told[:1].upper() + told[1:], max(room, len(CUT)), placeholder=CUT)
