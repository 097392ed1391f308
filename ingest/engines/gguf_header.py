"""A GGUF file's header, byte by byte, with every size checked against the file before it is used.

Layout (little-endian): "GGUF", version u32, tensor count u64, key count u64, the keys (name, type,
value), the tensors (name, dimensions, type, offset), padding to general.alignment, then the
tensors' data. Strings are u64 length + UTF-8.
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ExitCode, QwhError, missing_extra

SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
TEXT, ARRAY = 8, 9
MAGIC = b"GGUF"


@dataclass(frozen=True)
class Tensor:
    """One line of the tensor table. offset: from the start of the file; bytes: its data's size."""

    name: str
    shape: tuple[int, ...]
    kind: str
    weights: int
    bytes: int
    offset: int


class Header:
    """fields: key -> value; tensors: list of Tensor. Raises QwhError naming the byte where reading
    had to stop.
    """

    def __init__(self, path: Path, raw: mmap.mmap):
        self._path, self._raw, self._at = path, raw, 0
        try:
            self._read()
        except (
            struct.error,
            UnicodeDecodeError,
            ValueError,
            KeyError,
            OverflowError,
            MemoryError,
            RecursionError,
        ):
            raise QwhError(
                f"cannot use {path} as a model: its header makes no sense at byte {self._at:,} of"
                f" {len(raw):,}: it is damaged or cut short, fetch it again",
                ExitCode.BAD_INPUT,
            ) from None

    def _read(self) -> None:
        try:
            from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
        except ImportError:
            raise missing_extra("gguf", "gguf") from None
        if self._raw[:4] != MAGIC:
            raise QwhError(
                f"cannot use {self._path} as a model: it does not start with the letters GGUF:"
                " convert it to GGUF first",
                ExitCode.BAD_INPUT,
            )
        _, version, tensors, keys = self._take("4sIQQ")
        if version not in (2, 3):
            raise QwhError(
                f"cannot use {self._path} as a model: GGUF version {version} is not 2 or 3: convert"
                " it again",
                ExitCode.BAD_INPUT,
            )
        self.fields = {}
        for _ in range(keys):
            name = self._text()
            (kind,) = self._take("I")
            self.fields[name] = self._value(kind)
        table = []
        for _ in range(tensors):
            name = self._text()
            (dimensions,) = self._take("I")
            shape = self._take(f"{min(dimensions, 9)}Q")
            kind, offset = self._take("IQ")
            type_ = GGMLQuantizationType(kind)
            block, size = GGML_QUANT_SIZES[type_]
            weights = math.prod(shape)
            table.append((name, shape, type_.name, weights, weights // block * size, offset))
        alignment = int(self.fields.get("general.alignment", 32)) or 32
        data = -(-self._at // alignment) * alignment
        self.tensors = [Tensor(*entry[:5], data + entry[5]) for entry in table]

    def _take(self, layout: str) -> tuple:
        values = struct.unpack_from("<" + layout, self._raw, self._at)
        self._at += struct.calcsize("<" + layout)
        return values

    def _text(self) -> str:
        (length,) = self._take("Q")
        if length > len(self._raw) - self._at:
            raise ValueError
        text = self._raw[self._at : self._at + length].decode()
        self._at += length
        return text

    def _value(self, kind: int) -> Any:
        if kind == TEXT:
            return self._text()
        if kind == ARRAY:
            inner, count = self._take("IQ")
            if count > len(self._raw) - self._at:
                raise ValueError  # every entry takes a byte at least
            return (
                list(self._take(f"{count}{SCALARS[inner]}"))
                if inner in SCALARS
                else [self._value(inner) for _ in range(count)]
            )
        return self._take(SCALARS[kind])[0]
