"""Untrusted folders: the files that a tool has laid out in a few levels of folders below one."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from .files import unreadable

MOST_LEVELS = 8  # of folders below the one that is given
MOST_LOOKED_AT = 100_000  # files and folders: what recognising a folder may cost


def below(folder: Path, ending: str, levels: int = MOST_LEVELS) -> list[Path]:
    """The ordinary files at or below a folder whose names end so, in order; no link is followed.
    Raises BadFile if it cannot be read.
    """
    try:
        return sorted(file for file in _walk(folder, levels) if file.name.endswith(ending))
    except OSError as error:
        raise unreadable(folder, error) from None


def any_below(folder: Path, ending: str, levels: int = MOST_LEVELS) -> bool:
    """Whether there is one, among the first files of the folder."""
    try:
        seen = islice(_walk(folder, levels), MOST_LOOKED_AT)
        return any(file.name.endswith(ending) for file in seen)
    except OSError:
        return False


def _walk(folder: Path, levels: int) -> Iterator[Path]:
    """Every ordinary file at most so many folders below, those near by first."""
    inner = []
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir():
            inner.append(path)
        elif path.is_file():
            yield path
    if levels > 0:
        for path in inner:
            yield from _walk(path, levels - 1)
