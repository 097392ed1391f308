"""Files that people bring and that hold nothing for qwh: recognised, and refused under their names.

Asked only where no reader knows a file, or where the reader that was named finds nothing in it.
"""

from pathlib import Path
from typing import NamedTuple

from ...errors import ExitCode, QwhError


class Stranger(NamedTuple):
    """A kind of file that is out of scope."""

    what: str  # what it is, in the words of those who have it
    advice: str  # what to do instead
    names: tuple[str, ...] = ()  # its file's name ends so
    marks: tuple[bytes, ...] = ()  # all of them are within the head


STRANGERS = [
    Stranger(
        "a Git LFS pointer, not the file itself",
        "fetch the file with git lfs pull",
        marks=(b"version https://git-lfs.github.com/spec/",),
    ),
]


def refuse(path: Path, head: bytes) -> None:
    """Raise QwhError if a file is a stranger. head: its first 64 KiB, b"" for a folder."""
    for stranger in STRANGERS:
        named = not stranger.names or path.name.lower().endswith(stranger.names)
        if named and all(mark in head for mark in stranger.marks):
            raise QwhError(
                f"cannot use {path}: it is {stranger.what}: {stranger.advice}", ExitCode.BAD_INPUT
            )
