"""`qwh docs`: what a row of a table is, and what each of its columns says."""

from textwrap import wrap
from typing import Annotated

import typer

from ..exports.registry import SCREEN
from ..progress import say
from . import completion
from .listed import listed
from .look import Look, put, screen
from .options import DEFAULT, FormatOption, PagerOption, WarehouseOption, WideOption, WidthOption


def docs(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A table or an analysis; without it, all that there are.",
            autocompletion=completion.relations,
        ),
    ] = None,
    format: FormatOption = SCREEN,
    wide: WideOption = False,
    width: WidthOption = None,
    pager: PagerOption = True,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Print what a row of a table or an analysis is, and the meaning of its columns, or list all.

    Example: qwh docs fidelity
    """
    from ..database.session import session
    from ..database.warehouse import Warehouse
    from ..exports.port import table

    look = Look(format, None, wide, width, pager)
    if name is None:
        put(listed(warehouse, look), look)
        say("qwh docs NAME tells the columns of one")
        return
    with session(Warehouse(warehouse)) as opened:
        comment, columns = opened.comment(name), table(opened.columns(name))
    room = screen(wide, width)
    if format == SCREEN:
        print(*(wrap(comment, room) if room else [comment]), "", sep="\n")
        put(columns, look)
    else:
        put(columns, look, (comment,))
