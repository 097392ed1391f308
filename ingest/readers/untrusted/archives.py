"""Untrusted zip files: members unpacked in memory within limits, stored, deflated or zstd."""

import struct
import zipfile
import zlib
from pathlib import Path

import zstandard

from ....errors import BadFile
from .files import MIB, existing, unreadable

MAX_MEMBER = 256 * MIB  # one unpacked member
# all members together, or 300 times the file: a bound on time, for members may share their bytes
MAX_UNPACKED, MAX_ALL_RATIO = 1024 * MIB, 300
MAX_DIRECTORY = 32 * MIB  # a zip file's table of contents: some 300,000 members
# what is larger and packs better is no log: 500 epochs of one 5 kB question pack 300:1
MAX_RATIO, RATIO_FROM = 1000, 16 * MIB
# zstd's largest window at its highest ordinary level: memory that a frame may ask for
MAX_WINDOW = 128 * MIB
ZSTD = 93  # the zip method number


class Zip:
    """A zip file's members. Names are only ever keys; nothing is written."""

    def __init__(self, path: Path):
        self.path = existing(path)
        try:
            self._file = self.path.open("rb")
            self._allowed = max(MAX_UNPACKED, MAX_ALL_RATIO * self._file.seek(0, 2))
        except OSError as error:
            raise unreadable(path, error) from None
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
        # name -> its entry in the table; of members that were written again, the last
        self.members = {info.filename: info for info in self._zip.infolist()}

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
        """One member.

        Raises BadFile if it is damaged, too large, or packed better than any log can be.
        """
        info = self.members[name]
        place = f"member {name[:100]}"
        self._check_claims(info, place)
        try:
            data = self._unpacked(info)
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

    def _check_claims(self, info: zipfile.ZipInfo, place: str) -> None:
        """Refuse what the table of contents says of a member, before it is unpacked."""
        advice = "give the file as the tool wrote it"
        if info.flag_bits & 1:
            raise BadFile(self.path, place, "it is encrypted", advice)
        size = max(info.file_size, info.compress_size)
        if size > MAX_MEMBER:
            found = f"{size:,} bytes where at most {MAX_MEMBER:,} are unpacked"
            raise BadFile(self.path, place, found, advice)
        if info.file_size >= RATIO_FROM and info.file_size > MAX_RATIO * info.compress_size:
            found = f"{info.compress_size:,} bytes that claim to unpack to {info.file_size:,}"
            raise BadFile(self.path, place, found, "it is no log, leave it out")

    def _unpacked(self, info: zipfile.ZipInfo) -> bytes:
        self._file.seek(info.header_offset)
        header = self._file.read(30)
        if header[:4] != b"PK\3\4":
            raise ValueError("no member begins where the table says")
        self._file.seek(sum(struct.unpack_from("<HH", header, 26)), 1)
        return _unpack(self._file.read(info.compress_size), info.compress_type, info.file_size)


def _unpack(packed: bytes, method: int, size: int) -> bytes:
    """At most size + 1 bytes of what is packed. Raises ValueError, or zlib.error."""
    if method == zipfile.ZIP_STORED:
        return packed
    if method == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-15).decompress(packed, size + 1)
    if method != ZSTD:
        raise ValueError(f"packing method {method} is not stored, deflate or zstd")
    try:
        with zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(
            packed, read_across_frames=True
        ) as stream:
            return stream.read(size + 1)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None
