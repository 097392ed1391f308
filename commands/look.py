"""How a command puts a table on stdout: fitted to the screen, in a pager, or in another format."""

import os
import shutil
import sys
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

import typer

from ..errors import ExitCode, QwhError, meant
from ..exports.registry import FORMATS, SCREEN, STDOUT, choose, render

if TYPE_CHECKING:
    from ..exports.port import Table

WIDTH = 100  # columns where there is no terminal to ask
PAGED = "FRSX"  # less: leave if it fits, keep colours, do not wrap, leave the screen as it was


class Look(NamedTuple):
    """What the options say of the look of a table."""

    format: str = SCREEN
    columns: str | None = None  # the names of those shown, with commas between
    wide: bool = False
    width: int | None = None
    pager: bool = False


def put(table: "Table", look: Look, sentences: tuple[str, ...] = ()) -> None:
    """Print a table and what is said of it; a format for programs leaves that to stderr.

    Raises QwhError for a format or a column that is not there.
    """
    from ..exports import terminal

    known = None if look.format == SCREEN else choose(look.format, STDOUT)
    shown = table if look.columns is None else table.select(chosen(table, look.columns))
    if known is None:
        width = screen(look.wide, look.width)
        lines = [terminal.render(shown, width)]
        for sentence in sentences:
            lines += [sentence] if width is None else ["", *wrap(sentence, width)]
        _print("\n".join(lines), look.pager)
        return
    typer.echo(render(shown, known), nl=False)
    is_prose = known == FORMATS["markdown"]
    for sentence in sentences:
        typer.echo(f"\n{sentence}" if is_prose else sentence, err=not is_prose)


def chosen(table: "Table", columns: str) -> list[str]:
    """The names in a list with commas. Raises QwhError for one that the table has not."""
    known = [column.name for column in table.columns]
    names = split(columns)
    for name in names:
        if name not in known:
            raise QwhError(f"there is no column {name}: {meant(name, known)}", ExitCode.NOT_FOUND)
    if not names:
        raise QwhError(f"--columns is empty: {meant('', known)}", ExitCode.USAGE)
    return list(dict.fromkeys(names))


def split(names: str | None) -> list[str]:
    """The names in a list with commas between."""
    return [name.strip() for name in (names or "").split(",") if name.strip()]


def screen(wide: bool = False, width: int | None = None) -> int | None:
    """How many columns a printed table may have; None: as many as it wants.

    The variable COLUMNS, else the terminal's, be stdout a pipe out of one, else 100.
    """
    if wide:
        return None
    return width or shutil.get_terminal_size((_terminal(), 0)).columns


def _terminal() -> int:
    """Columns of the terminal that this was started in, though stdout goes elsewhere."""
    for descriptor in (2, 0):
        try:
            return os.get_terminal_size(descriptor).columns or WIDTH
        except OSError:
            continue
    return WIDTH


def _print(text: str, pager: bool) -> None:
    """Print, through the pager where a terminal has fewer lines."""
    import pydoc

    lines = shutil.get_terminal_size().lines
    if pager and sys.stdout.isatty() and text.count("\n") + 1 >= lines:
        os.environ.setdefault("LESS", PAGED)
        pydoc.pager(text + "\n")
    else:
        print(text)
