"""Damaged and hostile copies of the harnesses' files: JSON, zip and Parquet."""

import io
import json
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from harness_files import archive, members

WRONG = [
    None,
    "x",
    "",
    -1,
    1e308,
    10**30,
    [],
    {},
    True,
    [[]],
    {"value": {}},
    [None],
    ["\u0000"],
    json.loads("[" * 300 + "]" * 300),
]
BOMB = 100_000
HOSTILE = [
    b"",
    b" ",
    b"\n\n\n",
    b"{",
    b"[",
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"0",
    b"NaN",
    b"[NaN]",
    b"\xff\xfe[\x00",
    b"\xef\xbb\xbf[]",
    b"\x00" * 5000,
    b"[" * BOMB,
    b"{" * BOMB,
    b'{"a":' * BOMB,
    b"[" * BOMB + b"]" * BOMB,
    b'{"doc_id":' + b"[" * BOMB,
    b'[{"question_id":' * BOMB,
    b'"' * 9999,
    b"\\" * 9999,
    b"9" * 100_000,
    b'[{"x":1e999999}]',
    b"PK\3\4",
    b"PAR1",
    b"PAR1PAR1",
]


LITERALS = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"-" + b"9" * 5000,
    b'"\\ud800"',
    b'"\xff"',
    b"[" * 5000 + b"]" * 5000,
)
VALUES = (b"1.0", b"0.0", b"1", b"0", b"true", b"null", b'"C"', b'"pass"')


def json_damage(whole: bytes, rng: np.random.Generator, lines: bool = False) -> Iterator[bytes]:
    """Copies of a JSON or JSON Lines file to which something happened.

    Cut at structural boundaries, bits flipped, values of other types, bare NaN, repeated and left-
    out parts.
    """
    boundaries = [at for at, byte in enumerate(whole) if byte in b'{}[]:,"\n']
    yield from (whole[: boundaries[at]] for at in rng.choice(len(boundaries), 60, replace=False))
    for _ in range(60):
        hurt = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 4)):
            hurt[at] ^= 1 << rng.integers(0, 8)
        yield bytes(hurt)
    objects = [json.loads(line) for line in whole.splitlines()] if lines else [json.loads(whole)]
    for _ in range(70):
        copy = json.loads(json.dumps(objects))
        places = list(places_of(copy))
        holder, key = places[rng.integers(0, len(places))]
        action = rng.integers(0, 4)
        if action == 0 and isinstance(holder, dict):
            del holder[key]
        elif action == 1 and isinstance(holder, list):
            holder += [holder[key]] * 3
        else:
            holder[key] = ([math.nan, math.inf, -math.inf] + WRONG)[rng.integers(0, 3 + len(WRONG))]
        yield (
            "\n".join(map(json.dumps, copy)).encode()
            if lines
            else json.dumps(copy[0] if copy else None).encode()
        )
    yield from (
        whole.replace(value, literal, 1)
        for literal in LITERALS
        for value in VALUES
        if value in whole
    )
    yield from (
        whole + whole,
        whole * 2 + b"\n",
        whole[::-1],
        whole.replace(b'"', b"'"),
        whole.replace(b" ", b"\x00"),
        whole.decode().encode("utf-16"),
        whole + b"\x00",
        b"\n" + whole,
        b"\r\n".join(whole.splitlines()),
    )


def places_of(found: object) -> Iterator[tuple]:
    """Every (holder, key) in a tree of lists and dicts."""
    for key, value in found.items() if isinstance(found, dict) else enumerate(found):
        yield found, key
        if isinstance(value, (dict, list)):
            yield from places_of(value)


CLAIMS = (  # what a zip file's table of contents may say
    {"file_size": 2**32 - 2},
    {"file_size": 2**31},
    {"file_size": 0},
    {"file_size": 3},
    {"crc": 7},
    {"flags": 1},
    {"flags": 8},
    {"name_length": 65535},
    {"packed_size": 2**32 - 2},
    {"packed_size": 0},
    {"table_size": 2**31},
    {"table_size": 0},
    {"method": 12},
    {"method": 8},
    {"method": 0},
)
NAMES = (  # of members
    "../../escape.json",
    "/etc/passwd",
    "..\\..\\escape",
    "samples/../../header.json",
    "C:\\x",
    "a" * 60_000,
    "\x00",
    "samples/",
    "_journal/summaries/../1.json",
    "_journal/summaries/²x.json",
    "_journal/summaries/².json",
)
LISTED = ("header.json", "summaries.json", "_journal/start.json")


def zip_damage(path: Path, rng: np.random.Generator) -> Iterator[bytes]:
    """Copies of a log: the file's bytes hurt, its members' JSON hurt, and zip files that lie."""
    yield from _hurt_bytes(path.read_bytes(), rng)
    files = members(path)
    yield from _hurt_members(files, rng)
    kept = {key: files[key] for key in files if key in LISTED}
    for claims in CLAIMS:
        yield archive(kept, **claims)
        yield archive(kept, **({"packed": bytes, "method": 0} | claims))
    for name in NAMES:
        yield archive(kept | {name: b"[]"})
        yield archive({name: b"{}"})
    yield from _zip64(archive(kept), len(kept))
    yield from bombs(kept)


def _hurt_bytes(whole: bytes, rng: np.random.Generator) -> Iterator[bytes]:
    """Cut where the zip format has a mark, and with bits flipped, half of them near a mark."""
    marks = [
        at
        for mark in (b"PK\1\2", b"PK\3\4", b"PK\5\6")
        for at in range(len(whole))
        if whole.startswith(mark, at)
    ]
    for at in marks:
        yield from (whole[:at], whole[: at + 4], whole[: at + 20])
    for _ in range(60):
        hurt = bytearray(whole)
        near = marks[rng.integers(0, len(marks))] + 46 if rng.integers(0, 2) else len(whole)
        for at in (
            rng.integers(max(0, near - 46), near, 2)
            if near < len(whole)
            else rng.integers(0, len(whole), 3)
        ):
            hurt[at] ^= 1 << rng.integers(0, 8)
        yield bytes(hurt)


def _hurt_members(files: dict[str, bytes], rng: np.random.Generator) -> Iterator[bytes]:
    """One member at a time, its JSON damaged."""
    small = {
        key: value for key, value in files.items() if not key.startswith("samples/") or "q3" in key
    }
    for name in (*LISTED, "_journal/summaries/1.json"):
        if name in files:
            yield from (
                archive(small | {name: data})
                for data in [*list(json_damage(files[name], rng))[::4], *HOSTILE]
            )


def _zip64(plain: bytes, members: int) -> Iterator[bytes]:
    """A zip64 record before the end, which outweighs it."""
    table = struct.unpack_from("<II", plain, len(plain) - 10)
    for length, start in (table, (1 << 40, 0), (1 << 63, 1 << 63), (0, 0), (table[0], 1 << 40)):
        record = struct.pack(
            "<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, members, members, length, start
        )
        locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(plain) - 22, 1)
        yield plain[:-22] + record + locator + plain[-22:]


def bombs(kept: dict[str, bytes]) -> Iterator[bytes]:
    """Members that unpack to 1 GiB, and a frame that asks for a huge window.

    The size is declared, or declared as small, in zstd and deflate.
    """
    zeros = zstandard.ZstdCompressor().compress(bytes(1 << 24)) * 64
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = b"".join(squeezer.compress(bytes(1 << 24)) for _ in range(16)) + squeezer.flush()
    for name in ("header.json", "summaries.json"):
        for size in (1 << 30, 1 << 28, 1 << 20, 10):
            yield archive(kept | {name: b"{}"}, packed=lambda data: zeros, file_size=size)
            yield archive(
                kept | {name: b"{}"}, packed=lambda data: deflated, method=8, file_size=size
            )
    wide = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=False)
    ).compressobj()
    yield archive(
        kept,
        packed=lambda data: wide.compress(data) + wide.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK),
    )


def parquet_damage(path: Path, rng: np.random.Generator) -> Iterator[bytes]:
    """Copies of a details file to which something happened.

    Cut, bits flipped in pages and footer, columns of other types, missing or repeated.
    """
    whole, table = path.read_bytes(), pq.read_table(path)
    yield from (
        whole[:at]
        for at in (
            *range(12),
            *rng.integers(0, len(whole), 40),
            *range(len(whole) - 12, len(whole)),
        )
    )
    for _ in range(90):
        hurt = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 6)):
            hurt[at] ^= 1 << rng.integers(0, 8)
        yield bytes(hurt)
    for length in (0, 1, 2**31 - 1, 2**32 - 1):
        yield whole[:-8] + struct.pack("<I", length) + b"PAR1"
    rows = table.to_pylist()
    for _ in range(60):
        yield _other_types(table, rows, rng)
    yield from (written(table.drop_columns([name])) for name in table.column_names)
    long = pa.Table.from_pylist([{**rows[0], "doc": rows[0]["doc"] | {"query": "x" * 60_000_000}}])
    yield written(long)  # 60 MB in 20 kB
    yield from (
        written(pa.concat_tables([table] * 3)),
        written(table.slice(0, 0)),
        written(pa.table({"doc": [1]})),
        written(pa.table({})),
        written(table.append_column("__doc__", table.column("doc"))),
        written(table.rename_columns(["doc"] * 3)),
    )


def _other_types(table: pa.Table, rows: list[dict], rng: np.random.Generator) -> bytes:
    """One field of all rows gone, or something else."""
    copy = json.loads(json.dumps(rows))
    name = ("doc", "metric", "model_response")[rng.integers(0, 3)]
    fields = list(copy[0][name])
    field = fields[rng.integers(0, len(fields))]
    value, action = WRONG[rng.integers(0, len(WRONG))], rng.integers(0, 4)
    for row in copy:
        if action == 0:
            row[name].pop(field)
        elif action == 1:
            row[name] = value
        else:
            row[name][field] = value
    try:
        return written(pa.Table.from_pylist(copy))
    except (pa.ArrowException, OverflowError, NotImplementedError):
        return written(table.drop_columns([name]))


def written(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def damage(kind: str, path: Path, rng: np.random.Generator) -> Iterator[bytes]:
    yield from HOSTILE
    yield from {
        "lines": lambda: json_damage(path.read_bytes(), rng, lines=True),
        "json": lambda: json_damage(path.read_bytes(), rng),
        "zip": lambda: zip_damage(path, rng),
        "parquet": lambda: parquet_damage(path, rng),
    }[kind]()
