"""Untrusted files, opened and decoded within limits: every way in which that can fail is one
line.
"""

import json
import math
from pathlib import Path
from typing import BinaryIO

from ...errors import ExitCode, QwhError
from .port import BadFile

MIB = 1 << 20
# lists and objects in one piece of JSON: with what they hold some 300 bytes each
MOST_OBJECTS = 4_000_000


def opened(path: Path) -> tuple[BinaryIO, int]:
    """The file, open for reading bytes, and its size. Raises QwhError (not found), also for a
    folder, or BadFile if it may not be read.
    """
    try:
        if not Path(path).is_file():  # a pipe or a device would never end
            raise QwhError(
                f"cannot read {path}: there is no such file: check the path", ExitCode.NOT_FOUND
            )
        file = open(path, "rb")
        size = file.seek(0, 2)
        file.seek(0)
        return file, size
    except (OSError, ValueError) as error:
        raise BadFile(
            path,
            "as a whole",
            getattr(error, "strerror", None) or str(error),
            "check the path and the permissions",
        ) from None


def whole(path: Path, limit: int) -> bytes:
    """All bytes of a file that may have at most limit bytes. Raises BadFile."""
    file, size = opened(path)
    with file:
        if size > limit:
            raise BadFile(
                path,
                "as a whole",
                f"{size:,} bytes, and such a file has at most {limit:,}",
                "check that it is the file that was meant",
            )
        if size == 0:
            raise BadFile(path, "byte 0", "the file is empty", "write it again")
        return file.read(limit)


def parsed(path: Path, place: str, raw: bytes) -> object:
    """JSON, with NaN and Infinity as the floats of that name. Raises BadFile where it is none or
    nested too deeply.
    """
    if raw.count(b"[") + raw.count(b"{") > MOST_OBJECTS:
        raise BadFile(path, place, f"more than {MOST_OBJECTS:,} lists and objects", "split it")
    try:
        return json.loads(raw)
    except json.JSONDecodeError as error:
        raise BadFile(
            path,
            f"{place}, character {error.pos:,}",
            f"not JSON ({error.msg})",
            "it is damaged or cut short, write it again",
        ) from None
    except RecursionError:
        raise BadFile(
            path, place, "JSON nested too deeply", "check that it is the file that was meant"
        ) from None
    except ValueError as error:  # bytes that are no text, or an integer of thousands of digits
        raise BadFile(
            path, place, f"not JSON ({str(error)[:80]})", "it is damaged, write it again"
        ) from None


def clean(text: str) -> str:
    """A text that can be written as UTF-8: JSON may hold halves of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def number(value: object) -> float | None:
    """A JSON number as a float; None where it is no number or not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None
