"""The formats of `qwh export`, one line each; a module is imported when it is asked for."""

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ExitCode, QwhError, storage_error

if TYPE_CHECKING:
    from .port import Table


class Format(NamedTuple):
    """A module of this package, the ending of its files, and what it writes."""

    module: str
    ending: str
    sentence: str


FORMATS = {
    "csv": Format("delimited", ".csv", "comma-separated, full precision, nested cells as JSON"),
    "json": Format("json_rows", ".json", "a list of objects, full precision"),
    "parquet": Format("parquet", ".parquet", "every value as it is"),
    "markdown": Format("markdown", ".md", "a GitHub table"),
    "latex": Format("latex", ".tex", "a booktabs tabular"),
}
STDOUT = Path("-")
SCREEN = "table"  # the format of a terminal, which is none of a file


def choose(name: str | None, path: Path) -> Format:
    """The format of that name, or the one that the file's ending names. Raises QwhError.

    An ending without its dot is a name too: md, tex.
    """
    for key, known in FORMATS.items():
        names = (key, known.ending.removeprefix("."))
        if name in names or (name is None and known.ending == path.suffix.lower()):
            return known
    there = (SCREEN, *FORMATS) if path == STDOUT else tuple(FORMATS)
    what = name or f"for {path.name}"
    raise QwhError(f"no format {what}: choose --format {', '.join(there)}", ExitCode.USAGE)


def render(table: "Table", known: Format) -> bytes:
    """What the format makes of a table."""
    content: bytes = import_module(f".{known.module}", __package__).render(table)
    return content


def write(table: "Table", known: Format, path: Path) -> None:
    """Write a table to a file, which is there whole or not at all.

    Raises QwhError where the folder is not there or the disk does not take it.
    """
    content = render(table, known)
    target = path.resolve()
    if not target.parent.is_dir():
        raise QwhError(
            f"cannot write {path}: there is no folder {path.parent}: make it, or give another -o",
            ExitCode.NOT_FOUND,
        )
    if target.is_dir():
        raise QwhError(f"cannot write {path}: it is a folder: name a file in it", ExitCode.USAGE)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists() and not target.is_file():  # a pipe or a device takes it as it comes
            target.write_bytes(content)
            return
        try:
            beside.write_bytes(content)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(f"cannot write {path}", error) from None
