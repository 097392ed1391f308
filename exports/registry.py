"""The formats of `qwh export`, one line each; a module is imported when it is asked for."""

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
    "parquet": Format("parquet", ".parquet", "every value as it is"),
    "markdown": Format("markdown", ".md", "a GitHub table"),
    "latex": Format("latex", ".tex", "a booktabs tabular"),
}


def choose(name: str | None, path: Path) -> Format:
    """The format of that name, or the one that the file's ending names. Raises QwhError."""
    for key, known in FORMATS.items():
        if key == name or (name is None and known.ending == path.suffix.lower()):
            return known
    raise QwhError(
        f"no format {name or 'for ' + path.name}: choose --format {', '.join(FORMATS)}",
        ExitCode.USAGE,
    )


def write(table: "Table", known: Format, path: Path) -> None:
    """Write a table to a file. Raises QwhError where the disk does not take it."""
    content: bytes = import_module(f".{known.module}", __package__).render(table)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise storage_error(f"cannot write {path}", error) from None
