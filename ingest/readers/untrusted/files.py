"""Untrusted paths: opened, sized and cut into lines.

What a file declares about its own sizes is checked before it is believed.
"""

import mmap
import re
import stat
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ....errors import BadFile, ExitCode, QwhError

MIB = 1 << 20
# a file that is read in one piece; what is kept of it must fit into memory beside it
MAX_WHOLE = 512 * MIB
# one line of a JSON Lines file: one prompt with its answers; as Python objects it takes up to 30
# times that
MAX_LINE = 32 * MIB
MAX_LINES = 2_000_000  # of a JSON Lines file
_DATE = re.compile(r"_(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)$")


def existing(path: Path) -> Path:
    """The path, if it is a file or a folder.

    Raises QwhError (not found) or BadFile (a device or a pipe).
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        raise _not_there(path) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise BadFile(path, "as a whole", "it is neither a file nor a folder", "give a file")
    return path


def opened(path: Path) -> tuple[BinaryIO, int]:
    """The file, open for reading bytes from behind its byte order mark if it has one, and its size.

    Raises QwhError (not found), also for a folder, or BadFile if it may not be read.
    """
    try:
        if not Path(path).is_file():  # a pipe or a device would never end
            raise _not_there(path)
        file = open(path, "rb", buffering=MIB)  # noqa: SIM115  the caller closes it
        size = file.seek(0, 2)
        file.seek(0)
        marked = file.read(len(BOM_UTF8)) == BOM_UTF8
        file.seek(len(BOM_UTF8) if marked else 0)
        return file, size
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None


def contents(path: Path, limit: int = MAX_WHOLE) -> mmap.mmap | memoryview:
    """A file's bytes, mapped rather than copied, without a byte order mark.

    Raises QwhError as `opened`, and BadFile if it is empty or larger than limit.
    """
    file, size = opened(path)
    with file:
        if size > limit:
            raise BadFile(
                path,
                "as a whole",
                f"{size:,} bytes where at most {limit:,} are read in one piece",
                "split it, or give the file that was meant",
            )
        if size == 0:
            raise BadFile(path, "byte 0", "the file is empty", "write it again")
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return memoryview(mapped)[len(BOM_UTF8) :] if file.tell() else mapped
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from None


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """Line number from 1, the line, and whether a newline ends it; empty lines are passed over.
    Raises QwhError as `opened`.
    """
    file, _ = opened(path)
    try:
        with file:
            number = 0
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise BadFile(
                        path,
                        f"line {number}",
                        f"it is longer than {MAX_LINE:,} bytes",
                        "give the file as the tool wrote it",
                    )
                if number > MAX_LINES:
                    raise BadFile(
                        path, f"line {number}", f"more lines than {MAX_LINES:,}", "split it"
                    )
                if not line.isspace():
                    yield number, line, line.endswith(b"\n")
    except OSError as error:
        raise unreadable(path, error) from None


def matching(folder: Path, pattern: str, advice: str) -> list[Path]:
    """The ordinary files in a folder that match, in order; links are not followed.

    Raises BadFile where there are none.
    """
    try:
        found = sorted(
            file for file in folder.glob(pattern) if file.is_file() and not file.is_symlink()
        )
    except OSError as error:
        raise unreadable(folder, error) from None
    if not found:
        raise BadFile(
            folder, "as a whole", f"there is no {pattern.removeprefix('**/')} in it", advice
        )
    return found


def dated(path: Path) -> tuple[str, str | None]:
    """A file's stem without its date, and the date.

    samples_task_2026-01-02T03-04-05.678 -> samples_task, 2026-01-02T03-04-05.678
    """
    match = _DATE.search(path.stem)
    return (path.stem[: match.start()], match[1]) if match else (path.stem, None)


def unreadable(path: Path, error: OSError | ValueError) -> BadFile:
    """The error for a file that the operating system does not hand out."""
    found = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return BadFile(path, "as a whole", found, "check what it is and who may read it")


def _not_there(path: Path) -> QwhError:
    return QwhError(
        f"cannot read {path}: there is no such file: check the path", ExitCode.NOT_FOUND
    )
