"""The whole chunks of a run that is not done yet, kept so that another process can go on from them.

    raw/_staging/<key>/lock          held by the process that writes
    raw/_staging/<key>/about.json    whose rows these are, and in which versions
    raw/_staging/<key>/chunks        a frame for each chunk, in order; of a benchmark one for each
                                     answer and for each reading of one, as they came

A frame is the SHA-256 and the length of what follows: a line of JSON about the chunk, then its rows
as Arrow batches. Nothing waits for the disk: a frame that did not reach it whole is
told by its checksum, and dropped with all that follows.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from ..errors import ExitCode, QwhError, storage_error
from ..progress import say
from . import disk, parts, staging
from .schema import METRICS_VERSION, SCHEMA_VERSION, TABLES

DIGEST, LENGTH = 32, 8  # bytes at the head of a frame
SLOTS = 64  # processes that may keep rows of one reference side by side


class Frame(NamedTuple):
    """Where a chunk lies, and what is said of it."""

    start: int
    stop: int
    note: dict[str, Any]


class Checkpoint:
    """Chunks of one run, in order from the first. Leave it by `release`, or by `remove`."""

    def __init__(self, folder: Path, about: dict[str, Any], lock: disk.Lock):
        self.folder, self.about = folder, about
        self._lock: disk.Lock | None = lock  # None: it is left
        self.frames: list[Frame] = []
        self._rows: list[tuple[str, pa.RecordBatch]] = []
        self._file: FileIO | None = None  # open while chunks are added
        try:
            self._open()
        except OSError as error:
            lock.release()
            raise storage_error(f"cannot keep {about['name']}", error) from None

    @property
    def chunks(self) -> int:
        """How many chunks are whole."""
        return len(self.frames)

    def write(self, table: str, columns: dict[str, Any]) -> None:
        """Append rows of the chunk that is being read. columns: see parts.batch."""
        self._rows.append((table, parts.batch(table, columns)))

    def close_chunk(self, note: dict[str, Any]) -> None:
        """Keep the rows written since the last chunk. note: what is said of them, as JSON."""
        batches = [(table, batch.serialize()) for table, batch in self._rows]
        self._rows = []
        sizes = [(table, batch.size) for table, batch in batches]
        line = json.dumps({"note": note, "sizes": sizes}).encode() + b"\n"
        body = b"".join((line, *(batch for _, batch in batches)))
        sized = len(body).to_bytes(LENGTH, "little") + body
        start = self.frames[-1].stop if self.frames else 0
        try:
            if self._file is None:
                self._file = FileIO(self._chunks, "r+")
                self._file.seek(start)
            _write_all(self._file, hashlib.sha256(sized).digest() + sized)
        except OSError as error:
            raise storage_error("cannot write rows", error) from None
        self.frames.append(Frame(start, start + DIGEST + len(sized), note))

    def rows(self, chunks: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The batches of the first chunks, as they were written, with their tables."""
        for frame in self.frames[:chunks]:
            yield from self.rows_of(frame)

    def rows_of(self, frame: Frame) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The batches of one chunk, as they were written, with their tables."""
        with open(self._chunks, "rb") as file:
            file.seek(frame.start)
            body = _body(file)
        if body is None:
            raise QwhError(
                f"cannot read back what was kept of {self.about['name']}: check the disk, then run"
                " it again",
                ExitCode.STORAGE,
            )
        head, rest = _parted(body)
        for table, size in head["sizes"]:
            yield table, pa.ipc.read_record_batch(rest[:size], TABLES[table])
            rest = rest[size:]

    def keep(self, chunks: int) -> None:
        """Drop what follows the first chunks, and rows of a chunk that is not whole."""
        self._close()
        del self.frames[chunks:]
        os.truncate(self._chunks, self.frames[-1].stop if self.frames else 0)

    def release(self) -> None:
        """Let another process go on from what is kept; without a chunk nothing stays."""
        self._close()
        if self._lock and self.frames:
            self._lock.release()
            self._lock = None
        self.remove()

    def remove(self) -> None:
        """Drop everything, unless it was left before."""
        self._close()
        if self._lock:
            staging.remove(self.folder, self._lock)
            self._lock = None

    def _close(self) -> None:
        self._rows = []
        if self._file:
            self._file.close()
            self._file = None

    @property
    def _chunks(self) -> Path:
        return self.folder / "chunks"

    def _open(self) -> None:
        """Find the chunks that are whole; begin with none where they are another run's."""
        if staging.about(self.folder) == self.about:
            self._chunks.touch()
            with open(self._chunks, "rb") as file:
                self.frames = list(_frames(file))
            end = self.frames[-1].stop if self.frames else 0
            if self._chunks.stat().st_size > end:
                say(
                    f"{self.about['name']}: chunk {self.chunks} of what was kept is damaged or not"
                    " whole: it is read again, with what followed"
                )
                os.truncate(self._chunks, end)
            return
        self._chunks.write_bytes(b"")
        written = self.folder / "about.new"
        written.write_text(json.dumps(self.about), encoding="utf-8")
        os.replace(written, self.folder / staging.ABOUT)


def of_quant(store_staging: Path, key: str, reference: str, name: str) -> Checkpoint:
    """What is kept of a quant's run. Raises QwhError if another process is making it.

    key: 16 hex digits, the run's identity less what is known only at its end; reference: the key of
    the run that it is scored against; name: for a person.
    """
    return _claimed(store_staging, [key], _about(key, reference, name))


def of_reference(store_staging: Path, key: str, name: str) -> Checkpoint:
    """What is kept of a reference's run; where other processes have theirs, one beside them."""
    names = [key, *(f"{key}-{slot}" for slot in range(1, SLOTS))]
    there = [each for each in names if (store_staging / each / "chunks").exists()]
    # first the one that holds most
    there.sort(key=lambda each: -(store_staging / each / "chunks").stat().st_size)
    ordered = [*there, *(each for each in names if each not in there)]
    return _claimed(store_staging, ordered, _about(key, None, name))


def drop(store_staging: Path, key: str) -> None:
    """Remove what was kept of a run that is published by now."""
    folder = store_staging / key
    if folder.exists() and (lock := staging.claim(folder)):
        staging.remove(folder, lock)
        staging.sweep(store_staging)  # its reference's, if nobody else needs them


def _about(key: str, reference: str | None, name: str) -> dict[str, Any]:
    versions = [METRICS_VERSION, SCHEMA_VERSION]
    return {"key": key, "reference": reference, "name": name, "versions": versions}


def _claimed(store_staging: Path, names: list[str], about: dict[str, Any]) -> Checkpoint:
    """The first of these folders that nobody else holds."""
    for name in names:
        try:
            lock = staging.claim(store_staging / name)
        except OSError as error:
            raise storage_error(f"cannot keep {about['name']}", error) from None
        if lock:
            return Checkpoint(store_staging / name, about, lock)
    raise QwhError(
        f"{about['name']} is being read in {disk.holder(store_staging / names[0] / staging.LOCK)}:"
        " wait until that is done, or stop it, then run this again",
        ExitCode.STORAGE,
    )


def _write_all(file: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _frames(file: BinaryIO) -> Iterator[Frame]:
    """The whole frames from the beginning of a file on."""
    start = 0
    while (body := _body(file)) is not None:
        stop = start + DIGEST + LENGTH + len(body)
        yield Frame(start, stop, _parted(body)[0]["note"])
        start = stop


def _body(file: BinaryIO) -> bytes | None:
    """What the frame at this place of a file holds; None if it is not whole."""
    digest, length = file.read(DIGEST), file.read(LENGTH)
    size = int.from_bytes(length, "little")
    if len(length) < LENGTH or size > os.fstat(file.fileno()).st_size:
        return None
    body = file.read(size)
    return body if hashlib.sha256(length + body).digest() == digest else None


def _parted(body: bytes) -> tuple[dict[str, Any], memoryview]:
    """The JSON of a frame's first line, and its batches."""
    end = body.index(b"\n") + 1
    return json.loads(body[:end]), memoryview(body)[end:]
