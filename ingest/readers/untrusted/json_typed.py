"""Untrusted JSON through msgspec: decoded by its expected types, fast, and the rest is skipped."""

import mmap
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from ....errors import BadFile
from .files import MIB, contents
from .json_plain import graded

# objects and empty lists in one piece: what bounds the memory that decoding takes, at some 300
# bytes each
MAX_OBJECTS = 2_500_000
MAX_FACTS = 16 * MIB  # a settings file, or a piece of JSON of which everything is kept
MAX_DEPTH = 100  # levels of what is kept as it is
MAX_NAN = 1_000_000  # bare NaN and Infinity in one piece of JSON
SCALAR_LENGTH = 64  # no number that a tool writes is longer

# within a string the quote would be escaped, so braces in code are not counted
_OPENINGS = re.compile(rb'\{\s*"|\[\s*\]')
_NAN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|-?Infinity|NaN', re.DOTALL)

Data: TypeAlias = bytes | mmap.mmap | memoryview | msgspec.Raw
Decoded: TypeAlias = Callable[[Data, Path, str], Any]  # (data, path, place) -> what was asked for


def decoder(kind: Any, limit: int = MAX_FACTS) -> Decoded:
    """A function (data, path, place) -> kind.

    NaN and Infinity, which are not JSON, become null. It raises BadFile alone.

    limit: bytes that data may have. Above MAX_FACTS kind keeps no list of anything but objects with
    a key that must be there.
    """
    decode = msgspec.json.Decoder(kind).decode

    def decoded(data: Data, path: Path, place: str) -> Any:
        _check_size(data, limit, path, place)
        try:
            return _lenient(decode, data)
        except RecursionError:
            raise _nested(path, place) from None
        except UnicodeDecodeError:
            raise BadFile(path, place, "it is not UTF-8", "save it as UTF-8") from None
        except (ValueError, OverflowError) as error:  # msgspec's own errors are ValueErrors
            raise BadFile(path, place, str(error), "give the file as the tool wrote it") from None
        except MemoryError:
            raise BadFile(path, place, "it needs more memory than there is", "split it") from None

    return decoded


def _lenient(decode: Callable[[Any], Any], data: Data) -> Any:
    """What decode makes of data, if need be of data with null for NaN. Raises as decode does."""
    try:
        return decode(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        mended = _without_nan(data)
        if mended is None:
            raise
        return decode(mended)


def _check_size(data: Data, limit: int, path: Path, place: str) -> None:
    """Raise BadFile where decoding might take more memory than there is."""
    if len(data) > limit:
        raise BadFile(
            path,
            place,
            f"{len(data):,} bytes where at most {limit:,} are read",
            "give the file as the tool wrote it",
        )
    if len(data) > MAX_FACTS:
        objects = sum(1 for _ in islice(_OPENINGS.finditer(data), MAX_OBJECTS + 1))
        if objects > MAX_OBJECTS:
            raise BadFile(path, place, f"it holds more than {MAX_OBJECTS:,} objects", "split it")


def _nested(path: Path, place: str) -> BadFile:
    return BadFile(path, place, "it is nested too deeply", "give the file as the tool wrote it")


def _without_nan(data: Data) -> bytes | None:
    """data with null for every bare NaN and Infinity.

    None where there are none outside of strings, or more than MAX_NAN.
    """
    whole, pieces, done = memoryview(data), list[bytes | memoryview](), 0
    for match in _NAN.finditer(data):
        if whole[match.start()] != ord('"'):
            pieces += (whole[done : match.start()], b"null")
            done = match.end()
            if len(pieces) > 2 * MAX_NAN:
                return None
    return b"".join((*pieces, whole[done:])) if pieces else None


_any = decoder(Any)
_string = msgspec.json.Decoder(str).decode
_scalar = msgspec.json.Decoder(bool | int | float | str | None)


def raw_score(raw: bytes | msgspec.Raw) -> float | None:
    """The finite number or truth value that a piece of JSON is; None for anything else."""
    if not 0 < len(raw) <= SCALAR_LENGTH:
        return None
    try:
        return graded(_scalar.decode(raw))
    except ValueError:
        return None


def raw_text(raw: bytes | msgspec.Raw) -> str | None:
    """A JSON string's text, or any other JSON as it is written; None for null and for nothing.
    Raises ValueError if it is not UTF-8.
    """
    raw = bytes(raw)
    if raw[:1] == b'"':
        return _string(raw)
    return raw.decode() if raw not in (b"", b"null") else None


def anything(raw: Data, path: Path, place: str) -> Any:
    """Whatever JSON holds, of at most MAX_FACTS bytes and MAX_DEPTH levels.

    So what follows may recurse over it. Raises BadFile.
    """
    found = _any(raw, path, place)
    level = [found]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return found
    raise _nested(path, place)


def settings_file(path: Path) -> dict:
    """A settings file: one JSON object of at most MAX_FACTS bytes. Raises BadFile."""
    found = anything(contents(path, MAX_FACTS), path, "as a whole")
    if not isinstance(found, dict):
        raise BadFile(
            path, "as a whole", "it is not a JSON object", "give the file as the tool wrote it"
        )
    return found
