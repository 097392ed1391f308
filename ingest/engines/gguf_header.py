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
from typing import Any, NamedTuple

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
FORKED = 97  # ik_llama.cpp numbers its own tensor types from here on
ODD = 1 << 10  # no tensor type of llama.cpp or a fork of it has such a number


@dataclass(frozen=True)
class Tensor:
    """One line of the tensor table. offset: from the start of its file; bytes: its data's size."""

    path: Path
    name: str
    shape: tuple[int, ...]
    kind: str
    weights: int
    bytes: int
    offset: int


class TensorType(NamedTuple):
    """How weights are stored: bytes for each block of so many weights."""

    name: str
    block: int
    bytes: int


def tensor_type(number: int) -> TensorType:
    """The type of a number, as the gguf package or else llama.cpp itself has it.

    Of one that neither has: whose it is, and no bytes.
    """
    try:
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
    except ImportError:
        raise missing_extra("gguf", "gguf") from None
    if number in iter(GGMLQuantizationType):
        known = GGMLQuantizationType(number)
        return TensorType(known.name, *GGML_QUANT_SIZES[known])
    from .llama_context import tensor_type_of_llama

    name, block, size = tensor_type_of_llama(number)
    if size:
        name = name.upper()
    elif not name:
        name = "one of ik_llama.cpp's" if number >= FORKED else "a fork's or a newer llama.cpp's"
    return TensorType(name, block, size)


class Header:
    """fields: key -> value; tensors: list of Tensor. Raises QwhError naming the byte where reading
    had to stop, or the tensor whose type is not known.
    """

    def __init__(self, path: Path):
        self.path, self._at = path, 0
        self.bytes = _size(path)
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            self._raw = raw
            self._checked()

    def _checked(self) -> None:
        """Read it; what makes no sense is damage."""
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
                f"cannot use {self.path} as a model: its header makes no sense at byte"
                f" {self._at:,} of {self.bytes:,}: it is damaged or cut short, fetch it again",
                ExitCode.BAD_INPUT,
            ) from None

    def _read(self) -> None:
        if self._raw[:4] != MAGIC:
            raise QwhError(
                f"cannot use {self.path} as a model: it does not start with the letters GGUF:"
                " convert it to GGUF first",
                ExitCode.BAD_INPUT,
            )
        _, version, tensors, keys = self._take("4sIQQ")
        if version not in (2, 3):
            raise QwhError(
                f"cannot use {self.path} as a model: GGUF version {version} is not 2 or 3: convert"
                " it again",
                ExitCode.BAD_INPUT,
            )
        self.fields = {}
        for _ in range(keys):
            name = self._text()
            (kind,) = self._take("I")
            self.fields[name] = self._value(kind)
        self.tensors = self._tensors(tensors)

    def _tensors(self, count: int) -> list[Tensor]:
        table = []
        for _ in range(count):
            name = self._text()
            (dimensions,) = self._take("I")
            shape = self._take(f"{min(dimensions, 9)}Q")
            kind, offset = self._take("IQ")
            type_ = self._type(name, shape, kind)
            weights = math.prod(shape)
            table.append(
                (name, shape, type_.name, weights, weights // type_.block * type_.bytes, offset)
            )
        alignment = int(self.fields.get("general.alignment", 32)) or 32
        data = -(-self._at // alignment) * alignment
        return [Tensor(self.path, *entry[:5], data + entry[5]) for entry in table]

    def _type(self, tensor: str, shape: tuple[int, ...], number: int) -> TensorType:
        """A tensor's type. Raises QwhError where there is none of that number for such rows."""
        if number >= ODD:
            raise ValueError
        found = tensor_type(number)
        if not found.bytes:
            raise QwhError(
                f"cannot use {self.path} as a model: {tensor} has tensor type {number}, which"
                f" llama.cpp of this version does not know ({found.name}): use a quant of a type"
                " that it has, or update llama-cpp-python",
                ExitCode.BAD_INPUT,
            )
        if shape and shape[0] % found.block:
            raise QwhError(
                f"cannot use {self.path} as a model: {tensor} has tensor type {number}, which is"
                f" {found.name} with blocks of {found.block} weights in llama.cpp of this version,"
                f" and rows of {shape[0]:,}: it is another program's type of that number: use a"
                " quant that this llama.cpp can load",
                ExitCode.BAD_INPUT,
            )
        return found

    def whole(self, key: str, default: int = 0) -> int:
        """A field that is a whole number, as any count. Raises QwhError."""
        value = self.fields.get(key, default)
        if isinstance(value, int):
            return value
        raise QwhError(
            f"cannot use {self.path} as a model: its {key} is {str(value)[:40]!r}, not a whole"
            " number: it is damaged, fetch it again",
            ExitCode.BAD_INPUT,
        )

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


def _size(path: Path) -> int:
    """Bytes of a file that is there and not empty. Raises QwhError."""
    if path.is_dir():
        inside = next((each.name for each in sorted(path.glob("*.gguf"))), "its .gguf file")
        raise QwhError(
            f"cannot use {path} as a model: it is a folder: give {inside} in it",
            ExitCode.BAD_INPUT,
        )
    if not path.is_file():
        raise QwhError(
            f"cannot read the model {path}: there is no such file: check the path",
            ExitCode.NOT_FOUND,
        )
    size = path.stat().st_size
    if size == 0:
        raise QwhError(
            f"cannot use {path} as a model: the file is empty: fetch it again", ExitCode.BAD_INPUT
        )
    return size
