"""Untrusted files, read within limits: JSON with every error mapped to BadFile, lines, and the
members of a zip file.

Nothing is executed, nothing is written, and what a file declares about its own sizes is checked
before it is believed.
"""

import hashlib
import math
import mmap
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from ...errors import ExitCode, QwhError, missing_extra
from .port import BadFile

try:
    import msgspec
except ImportError:
    raise missing_extra("msgspec", "harness") from None

MIB = 1 << 20
# a JSON file that is read in one piece; what is kept of it must fit into memory beside it
MAX_JSON = 512 * MIB
# objects and empty lists in it: what bounds the memory that decoding takes, at some 300 bytes each
MAX_OBJECTS = 2_500_000
# one line of a JSON Lines file: one prompt with its answers; as Python objects it takes up to 30
# times that
MAX_LINE = 32 * MIB
MAX_LINES = 2_000_000  # of a JSON Lines file
MAX_FACTS = 16 * MIB  # a settings file, or a piece of JSON of which everything is kept
MAX_DEPTH = 100  # levels of what is kept as it is
MAX_NAN = 1_000_000  # bare NaN and Infinity in one piece of JSON
MAX_MEMBER = 256 * MIB  # one unpacked member of a zip file
# all members together, or 300 times the file: a bound on time, for members may share their bytes
MAX_UNPACKED, MAX_ALL_RATIO = 1024 * MIB, 300
MAX_DIRECTORY = 32 * MIB  # a zip file's table of contents: some 300,000 members
# what is larger and packs better is no log: 500 epochs of one 5 kB question pack 300:1
MAX_RATIO, RATIO_FROM = 1000, 16 * MIB
# zstd's largest window at its highest ordinary level: memory that a frame may ask for
MAX_WINDOW = 128 * MIB
ZSTD = 93  # the zip method number

# within a string the quote would be escaped, so braces in code are not counted
_OPENINGS = re.compile(rb'\{\s*"|\[\s*\]')
_NAN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|-?Infinity|NaN', re.DOTALL)
_DATE = re.compile(r"_(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)$")

Kind = TypeVar("Kind")


def existing(path: Path) -> Path:
    """The path, if it is a file or a folder. Raises QwhError (not found) or BadFile (a device or a
    pipe).
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        raise QwhError(
            f"cannot read {path}: there is no such file: check the path", ExitCode.NOT_FOUND
        ) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise BadFile(path, "as a whole", "it is neither a file nor a folder", "give a file")
    return path


def files(folder: Path, pattern: str, advice: str) -> list[Path]:
    """The ordinary files in a folder that match, in order; links are not followed. Raises BadFile
    where there are none.
    """
    try:
        found = sorted(
            file for file in folder.glob(pattern) if file.is_file() and not file.is_symlink()
        )
    except OSError as error:
        raise BadFile(
            folder, "as a whole", error.strerror or type(error).__name__, "check who may read it"
        ) from None
    if not found:
        raise BadFile(
            folder, "as a whole", f"there is no {pattern.removeprefix('**/')} in it", advice
        )
    return found


def contents(path: Path, limit: int = MAX_JSON) -> mmap.mmap | bytes:
    """A file's bytes, mapped rather than copied. Raises BadFile if it is larger than limit or
    cannot be opened.
    """
    try:
        with existing(path).open("rb") as file:
            size = file.seek(0, 2)
            if size > limit:
                raise BadFile(
                    path,
                    "as a whole",
                    f"{size:,} bytes where at most {limit:,} are read in one piece",
                    "split it, or give the file that was meant",
                )
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        raise BadFile(
            path,
            "as a whole",
            error.strerror or type(error).__name__,
            "check what it is and who may read it",
        ) from None


def decoder(kind: type[Kind], limit: int = MAX_FACTS) -> Callable[[bytes, Path, str], Kind]:
    """A function (data, path, place) -> kind. NaN and Infinity, which are not JSON, become null. It
    raises BadFile alone.

    limit: bytes that data may have. Above MAX_FACTS kind keeps no list of anything but objects with
    a key that must be there.
    """
    decode = msgspec.json.Decoder(kind).decode

    def decoded(data: bytes, path: Path, place: str) -> Kind:
        if len(data) > limit:
            raise BadFile(
                path,
                place,
                f"{len(data):,} bytes where at most {limit:,} are read",
                "give the file as the tool wrote it",
            )
        if (
            len(data) > MAX_FACTS
            and sum(1 for _ in islice(_OPENINGS.finditer(data), MAX_OBJECTS + 1)) > MAX_OBJECTS
        ):
            raise BadFile(path, place, f"it holds more than {MAX_OBJECTS:,} objects", "split it")
        try:
            try:
                return decode(data)
            except msgspec.ValidationError:
                raise
            except msgspec.DecodeError:
                mended = _without_nan(data)
                if mended is None:
                    raise
                return decode(mended)
        except RecursionError:
            raise BadFile(
                path, place, "it is nested too deeply", "give the file as the tool wrote it"
            ) from None
        except UnicodeDecodeError:
            raise BadFile(path, place, "it is not UTF-8", "save it as UTF-8") from None
        except (ValueError, OverflowError) as error:  # msgspec's own errors are ValueErrors
            raise BadFile(path, place, str(error), "give the file as the tool wrote it") from None
        except MemoryError:
            raise BadFile(path, place, "it needs more memory than there is", "split it") from None

    return decoded


def _without_nan(data: bytes) -> bytes | None:
    """data with null for every bare NaN and Infinity, or None where there are none outside of
    strings, or more than MAX_NAN.
    """
    pieces, done = [], 0
    for match in _NAN.finditer(data):
        if data[match.start()] != ord('"'):
            pieces += (data[done : match.start()], b"null")
            done = match.end()
            if len(pieces) > 2 * MAX_NAN:
                return None
    return b"".join((*pieces, data[done:])) if pieces else None


def number(value: object) -> float | None:
    """A finite number or a truth value as a float; None for anything else."""
    if isinstance(value, (bool, int, float)):
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:
            return None
    return None


_any = decoder(Any)
_string = msgspec.json.Decoder(str).decode
_scalar = msgspec.json.Decoder(bool | int | float | str | None)
SCALAR_LENGTH = 64  # no number that a tool writes is longer


def raw_number(raw: bytes) -> float | None:
    """The finite number or truth value that a piece of JSON is; None for anything else."""
    if not 0 < len(raw) <= SCALAR_LENGTH:
        return None
    try:
        return number(_scalar.decode(raw))
    except ValueError:
        return None


def raw_text(raw: bytes) -> str | None:
    """A JSON string's text, or any other JSON as it is written; None for null and for nothing.
    Raises ValueError if it is not UTF-8.
    """
    raw = bytes(raw)
    if raw[:1] == b'"':
        return _string(raw)
    return raw.decode() if raw not in (b"", b"null") else None


def anything(raw: bytes, path: Path, place: str) -> Any:
    """Whatever JSON holds, of at most MAX_FACTS bytes and MAX_DEPTH levels: what follows may
    recurse over it. Raises BadFile.
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
    raise BadFile(path, place, "it is nested too deeply", "give the file as the tool wrote it")


def facts(path: Path) -> dict:
    """A settings file: one JSON object of at most MAX_FACTS bytes. Raises BadFile."""
    found = anything(contents(path, MAX_FACTS), path, "as a whole")
    if not isinstance(found, dict):
        raise BadFile(
            path, "as a whole", "it is not a JSON object", "give the file as the tool wrote it"
        )
    return found


def at(found: object, *keys: str) -> Any:
    """found[key][key]..., or None as soon as there is none."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def text_id(*texts: str) -> str:
    """prompt_id: 16 hex characters of SHA-256 over the texts, each ended by two zero bytes (a zero
    byte within is escaped).
    """
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\1"))
        digest.update(b"\0\0")
    return digest.hexdigest()[:16]


def choose(path: Path, what: str, asked: str | None, there: list[str]) -> str:
    """The asked one of those there are, by default the first. Raises BadFile naming what there
    is.
    """
    if not there:
        raise BadFile(
            path, "as a whole", f"it has no {what}", "give a file with answers that were scored"
        )
    if asked is not None and asked not in there:
        raise BadFile(
            path,
            "as a whole",
            f"it has no {what} {asked}",
            f"choose one of {', '.join(there[:20])}",
        )
    return there[0] if asked is None else asked


def dated(path: Path) -> tuple[str, str | None]:
    """A file's stem without and its date: samples_task_2026-01-02T03-04-05.678 -> samples_task,
    2026-01-02T03-04-05.678.
    """
    match = _DATE.search(path.stem)
    return (path.stem[: match.start()], match[1]) if match else (path.stem, None)


def lines(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """Line number from 1, the line, and whether a newline ends it; empty lines are passed over.
    Raises BadFile.
    """
    try:
        with existing(path).open("rb", buffering=MIB) as file:
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
        raise BadFile(
            path,
            "as a whole",
            error.strerror or type(error).__name__,
            "check what it is and who may read it",
        ) from None


class Zip:
    """A zip file's members, unpacked in memory within limits: stored, deflate and zstd. Names are
    only ever keys.
    """

    def __init__(self, path: Path):
        self.path = existing(path)
        try:
            self._file = self.path.open("rb")
            self._allowed = max(MAX_UNPACKED, MAX_ALL_RATIO * self._file.seek(0, 2))
        except OSError as error:
            raise BadFile(
                path,
                "as a whole",
                error.strerror or type(error).__name__,
                "check what it is and who may read it",
            ) from None
        try:
            self._check_directory()
            self._zip = zipfile.ZipFile(self._file)
        except BadFile:
            self._file.close()
            raise
        except Exception:  # the standard library's reader lets many kinds out on a damaged table
            self._file.close()
            raise BadFile(
                path, "at its end", "its table of contents is damaged or cut off", "fetch it again"
            ) from None
        self.names = list(self._zip.NameToInfo)  # of members that were written again, the last

    def close(self) -> None:
        self._file.close()

    def _check_directory(self) -> None:
        """Refuse a table of contents that would not fit into memory, before it is read."""
        size = self._file.seek(0, 2)
        self._file.seek(max(0, size - 66_000))
        tail = self._file.read()
        end = tail.rfind(b"PK\5\6")
        length = struct.unpack_from("<I", tail, end + 12)[0] if 0 <= end <= len(tail) - 22 else 0
        # zip64: a record and its locator stand before, and outweigh it
        if end >= 76 and tail[end - 20 : end - 16] == b"PK\6\7":
            length = struct.unpack_from("<Q", tail, end - 76 + 40)[0]
        if length > MAX_DIRECTORY:
            raise BadFile(
                self.path,
                "at its end",
                f"a table of contents of {length:,} bytes where at most {MAX_DIRECTORY:,} are read",
                "give the file as the tool wrote it",
            )

    def read(self, name: str) -> bytes:
        """One member. Raises BadFile if it is damaged, too large, or packed better than any log can
        be.
        """
        info = self._zip.NameToInfo[name]
        place = f"member {name[:100]}"
        if info.flag_bits & 1:
            raise BadFile(self.path, place, "it is encrypted", "give the file as the tool wrote it")
        if max(info.file_size, info.compress_size) > MAX_MEMBER:
            raise BadFile(
                self.path,
                place,
                f"{max(info.file_size, info.compress_size):,} bytes where at most {MAX_MEMBER:,}"
                " are unpacked",
                "give the file as the tool wrote it",
            )
        if info.file_size >= RATIO_FROM and info.file_size > MAX_RATIO * info.compress_size:
            raise BadFile(
                self.path,
                place,
                f"{info.compress_size:,} bytes that claim to unpack to {info.file_size:,}",
                "it is no log, leave it out",
            )
        try:
            self._file.seek(info.header_offset)
            header = self._file.read(30)
            if header[:4] != b"PK\3\4":
                raise ValueError("no member begins where the table says")
            self._file.seek(sum(struct.unpack_from("<HH", header, 26)), 1)
            packed = self._file.read(info.compress_size)
            data = _unpack(packed, info.compress_type, info.file_size)
        except (ValueError, OSError, OverflowError, MemoryError, struct.error, zlib.error) as error:
            raise BadFile(
                self.path, place, str(error) or type(error).__name__, "fetch it again"
            ) from None
        if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
            raise BadFile(
                self.path,
                place,
                "its size or checksum is not the one that the table gives",
                "fetch it again",
            )
        self._allowed -= len(data)
        if self._allowed < 0:
            raise BadFile(
                self.path,
                place,
                f"all members together unpack to more than {MAX_ALL_RATIO} times the file",
                "give the file as the tool wrote it",
            )
        return data


def _unpack(packed: bytes, method: int, size: int) -> bytes:
    """At most size + 1 bytes of what is packed. Raises ValueError, or zlib.error."""
    if method == zipfile.ZIP_STORED:
        return packed
    if method == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-15).decompress(packed, size + 1)
    if method != ZSTD:
        raise ValueError(f"packing method {method} is not stored, deflate or zstd")
    try:
        import zstandard
    except ImportError:
        raise missing_extra("zstandard", "harness") from None
    try:
        with zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(
            packed, read_across_frames=True
        ) as stream:
            return stream.read(size + 1)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None
