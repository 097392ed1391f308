"""Files packed with gzip or zstd, unpacked within limits for the time of reading.

A folder that holds such files is read through a copy of it in which they are plain.
"""

import gzip
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import zstandard

from ....errors import BadFile, QwhError, storage_error
from .archives import MAX_RATIO, MAX_WINDOW, RATIO_FROM
from .files import MIB, unreadable

LARGEST = 2048 * MIB  # one unpacked file
MOST_FILES, LARGEST_FOLDER = 100_000, 8192 * MIB  # of a folder that is copied
FED = 4096  # bytes of zstd at a time: they unpack to 128 MiB at most
BEGINNINGS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
ENDINGS = (".gz", ".gzip", ".zst", ".zstd")
MOST_TIMES = 2  # a file may be packed twice, and no oftener


def packing(path: Path) -> str | None:
    """gzip or zstd, by a file's first bytes; None for any other file and for a folder."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError:
        return None
    return next((name for mark, name in BEGINNINGS.items() if start.startswith(mark)), None)


def plain_path(path: Path) -> Path:
    """A path without the endings that packing gave it: its stem is that of the file within."""
    return path.with_suffix("") if path.suffix.lower() in ENDINGS else path


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The path itself, or a plain copy of it, which is gone afterwards.

    Raises BadFile where something is damaged or unpacks to more than a log or table can be. Errors
    raised within name the path that was given.
    """
    packed = _within(path) if path.is_dir() else [path] if packing(path) else []
    if not packed:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="qwh-") as folder:
        copy = Path(folder).resolve() / plain_path(path).name
        try:
            if path.is_dir():
                _copy(path, copy, set(packed))
            else:
                _unpack(path, copy)
            yield copy
        except QwhError as error:
            error.args = (str(error).replace(str(copy), str(path)),)
            raise


def contents(path: Path, limit: int = LARGEST) -> bytes:
    """A file's bytes, unpacked if it is packed. Raises BadFile as `unpacked`, and OSError."""
    with unpacked(path) as plain:
        size = plain.stat().st_size
        if size > limit:
            found = f"{size:,} bytes where at most {limit:,} are read in one piece"
            raise BadFile(plain, "as a whole", found, "split it")
        return plain.read_bytes()


def _within(folder: Path) -> list[Path]:
    """The packed files of a folder; links are not followed."""
    return [
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in ENDINGS and not file.is_symlink() and packing(file)
    ]


def _copy(folder: Path, copy: Path, packed: set[Path]) -> None:
    """A folder with its packed files unpacked. Two files that get one name are refused."""
    left, count = LARGEST_FOLDER, 0
    for file in sorted(folder.rglob("*")):
        if file.is_symlink() or not file.is_file():
            continue
        count += 1
        there = copy / file.relative_to(folder)
        target = plain_path(there) if file in packed else there
        if target.exists():
            raise BadFile(file, "as a whole", f"{target.name} is beside it", "remove one of them")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if file in packed:
                _unpack(file, target)
            else:
                _linked(file, target)
            left -= target.stat().st_size
        except OSError as error:
            raise storage_error(f"unpacking {folder}", error) from None
        if left < 0 or count > MOST_FILES:
            raise BadFile(
                folder,
                "as a whole",
                f"its packed files lie among more than {MOST_FILES:,} files or"
                f" {LARGEST_FOLDER:,} bytes",
                "unpack them where they are",
            )


def _linked(file: Path, target: Path) -> None:
    """One file's bytes under another path: the very same where the disk allows it."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


def _unpack(path: Path, target: Path) -> None:
    """Write what is packed in a file to target."""
    name = packing(path)
    for again in range(MOST_TIMES + 1):
        if name is None:
            return
        if again == MOST_TIMES:
            raise BadFile(path, "as a whole", "it is packed more than twice", "unpack it")
        source = path if again == 0 else target.rename(target.with_name(f"{target.name}.packed"))
        _write(path, source, target, name)
        if source != path:
            source.unlink()
        name = packing(target)


def _write(path: Path, source: Path, target: Path, name: str) -> None:
    """Unpack once. Sizes are checked as they grow: no header is believed."""
    try:
        size = source.stat().st_size
        with source.open("rb") as file, target.open("wb") as out:
            written = 0
            for piece in _pieces(file, name):
                written += len(piece)
                if written > LARGEST or (written > RATIO_FROM and written > MAX_RATIO * size):
                    raise BadFile(
                        path,
                        f"byte {written:,} of what is packed in it",
                        f"{size:,} bytes unpack to more than a log or a table can be",
                        "give the file itself",
                    )
                out.write(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        found = f"packed with {name}, and damaged or cut short ({error})"
        raise BadFile(path, "as a whole", found, "fetch it again") from None
    except OSError as error:
        raise unreadable(path, error) from None


def _pieces(file: BinaryIO, name: str) -> Iterator[bytes]:
    """What is packed, piece by piece. Raises EOFError where the end is missing."""
    if name == "gzip":
        with gzip.GzipFile(fileobj=file) as stream:
            while piece := stream.read(MIB):
                yield piece
        return
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
    frame = decompressor.decompressobj()
    while raw := file.read(FED):
        while raw:
            if frame.eof:  # another frame follows
                frame = decompressor.decompressobj()
            yield frame.decompress(raw)
            raw = frame.unused_data
    if not frame.eof:
        raise EOFError("its end is missing")
