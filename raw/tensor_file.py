"""Arrays in one file, in the safetensors format, which holds numbers and no code.

    8 bytes length of the header, little-endian; the header, JSON: name -> dtype, shape, place;
    the data, one array after another

The header holds the SHA-256 of all else in it and of the data, and is itself a plain function of
what it says, so that a file is told to be whole from what lies in it. Written out here because
NumPy has no bfloat16, which the format's own package needs; that package reads these files.
"""

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import BadFile
from . import disk

LENGTH = 8  # bytes of the header's length
LARGEST = 1 << 20  # bytes of a header: beyond it the file is damaged
DTYPES = {"F16": "<f2", "BF16": "<u2", "F32": "<f4", "I32": "<i4"}  # BF16: its bits
DIGEST = "sha256"  # the key of the data's, among what is said of it
ABOUT = "__metadata__"  # the format's own key for texts


class Array(NamedTuple):
    """An array and the name of its type in the file."""

    dtype: str
    values: np.ndarray


def write(path: Path, arrays: dict[str, Array], about: dict[str, str]) -> None:
    """Write beside and rename, waiting for the disk: the file is there whole or not at all.

    about: texts that the header holds. Raises OSError.
    """
    data = [np.ascontiguousarray(each.values, DTYPES[each.dtype]) for each in arrays.values()]
    shapes = {name: (each.dtype, each.values.shape) for name, each in arrays.items()}
    digest = hashlib.sha256(_header(shapes, about))
    for values in data:
        digest.update(_bytes(values))
    beside = path.with_name(f".{path.name}.new")  # of a writer that died, it is written anew
    with open(beside, "wb") as file:
        file.write(_header(shapes, about | {DIGEST: digest.hexdigest()}))
        for values in data:
            file.write(_bytes(values))
    disk.sync(beside)
    os.replace(beside, path)


class TensorFile:
    """A file as its header says it; arrays: name -> view of the file, which is not read yet.

    about: the header's texts, less the digest. Raises BadFile: damaged, cut short, or something
    else.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self.bytes = path.stat().st_size
            with open(path, "rb") as file:
                head = file.read(LENGTH)
                size = int.from_bytes(head, "little")
                if not 0 < size <= min(LARGEST, self.bytes - LENGTH):
                    raise self.bad("byte 0", f"a header of {size:,} bytes in {self.bytes:,}")
                head += file.read(size)
        except OSError as error:
            raise self.bad("at its start", error.strerror or str(error)) from None
        self.start = len(head)
        try:
            shapes, about = _read(head[LENGTH:])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self.bad(f"byte {LENGTH}", "its header makes no sense") from None
        if head != _header(shapes, about):
            raise self.bad(f"byte {LENGTH}", "its header is not as it was written")
        self.digest = about.pop(DIGEST)
        self.about, at = about, self.start
        self._checked = hashlib.sha256(_header(shapes, about))
        self.arrays: dict[str, Array] = {}
        for name, (dtype, shape) in shapes.items():
            end = at + _size(dtype, shape)
            if end > self.bytes:
                raise self.bad(f"byte {self.bytes:,}", f"it is cut short, {name} ends at {end:,}")
            self.arrays[name] = Array(dtype, _view(path, dtype, at, shape))
            at = end
        if at != self.bytes:
            raise self.bad(f"byte {at:,}", f"{self.bytes - at:,} bytes follow its last array")

    def refuse_damage(self) -> None:
        """Read all of it. Raises BadFile unless header and data are what the checksum is of."""
        digest = self._checked.copy()
        with open(self.path, "rb") as file:
            file.seek(self.start)
            while block := file.read(1 << 24):
                digest.update(block)
        if digest.hexdigest() != self.digest:
            raise self.bad("its data", "not what its checksum is of")

    def bad(self, where: str, found: str) -> BadFile:
        """The error for this file."""
        return BadFile(self.path, where, found, "make the capture again")


def _read(header: bytes) -> tuple[dict[str, tuple[str, tuple[int, ...]]], dict[str, str]]:
    """What a header says: each array's type and shape, and texts. Raises where it is none."""
    found: dict[str, Any] = json.loads(header)
    about = found.pop(ABOUT)
    shapes = {name: (each["dtype"], tuple(each["shape"])) for name, each in found.items()}
    sizes = [size for _, shape in shapes.values() for size in shape]
    if about[DIGEST] and all(type(size) is int and size > 0 for size in sizes):
        return shapes, about
    raise ValueError


def _header(shapes: dict[str, tuple[str, tuple[int, ...]]], about: dict[str, str]) -> bytes:
    """The length and the header of arrays that lie one after another."""
    said: dict[str, Any] = {ABOUT: dict(sorted(about.items()))}
    at = 0
    for name, (dtype, shape) in shapes.items():
        end = at + _size(dtype, shape)
        said[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(said, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH)  # the data begins at a multiple of 8
    return len(text).to_bytes(LENGTH, "little") + text


def _size(dtype: str, shape: tuple[int, ...]) -> int:
    return math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize


def _view(path: Path, dtype: str, at: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.memmap(path, DTYPES[dtype], mode="r", offset=at, shape=shape)


def _bytes(values: np.ndarray) -> memoryview:
    return values.reshape(-1).view(np.uint8).data
