"""Readers of benchmark harnesses: damaged and hostile files are refused in one line, or what is
sound of them is read.
"""

import io
import json
import math
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from harness_files import (
    CHOICES,
    DETAILS,
    EVALPLUS,
    HELM,
    INSPECT,
    LIGHTEVAL,
    LIGHTEVAL_RESULTS,
    LIVECODEBENCH,
    LM_EVAL,
    QUESTIONS,
    RESULTS,
    archive,
    members,
    read,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qwh.errors import QwhError
from qwh.ingest.readers import evalplus, helm, inspect_ai, lighteval, livecodebench, lm_eval

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


def json_damage(whole: bytes, rng: np.random.Generator, lines: bool = False) -> Iterator[bytes]:
    """Copies of a JSON (Lines) file: cut at structural boundaries, bits flipped, values of other
    types, bare NaN, repeated and left-out parts.
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
    for literal in (
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"-" + b"9" * 5000,
        b'"\\ud800"',
        b'"\xff"',
        b"[" * 5000 + b"]" * 5000,
    ):
        for number in (b"1.0", b"0.0", b"1", b"0", b"true", b"null", b'"C"', b'"pass"'):
            if number in whole:
                yield whole.replace(number, literal, 1)
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


def zip_damage(path: Path, rng: np.random.Generator) -> Iterator[bytes]:
    """Copies of a log: the file's bytes hurt, its members' JSON hurt, and zip files that lie."""
    whole, files = path.read_bytes(), members(path)
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
    for name in (
        "header.json",
        "summaries.json",
        "_journal/start.json",
        "_journal/summaries/1.json",
    ):
        if name in files:
            small = {
                key: value
                for key, value in files.items()
                if not key.startswith("samples/") or "q3" in key
            }
            yield from (
                archive(small | {name: data})
                for data in [*list(json_damage(files[name], rng))[::4], *HOSTILE]
            )
    kept = {
        key: files[key]
        for key in files
        if key in ("header.json", "summaries.json", "_journal/start.json")
    }
    stored = {"packed": bytes, "method": 0}
    for claims in (
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
    ):
        yield archive(kept, **claims)
        yield archive(kept, **(stored | claims))
    for name in (
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
    ):
        yield archive(kept | {name: b"[]"})
        yield archive({name: b"{}"})
    plain = archive(kept)
    table = struct.unpack_from("<II", plain, len(plain) - 10)
    # zip64
    for length, start in (table, (1 << 40, 0), (1 << 63, 1 << 63), (0, 0), (table[0], 1 << 40)):
        record = struct.pack(
            "<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, len(kept), len(kept), length, start
        )
        yield (
            plain[:-22]
            + record
            + struct.pack("<4sIQI", b"PK\6\7", 0, len(plain) - 22, 1)
            + plain[-22:]
        )
    yield from bombs(kept)


def bombs(kept: dict[str, bytes]) -> Iterator[bytes]:
    """Members that unpack to 1 GiB: declared, or declared as small, in zstd and deflate; and a
    frame that asks for a huge window.
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
    """Copies of a details file: cut, bits flipped in pages and footer, columns of other types,
    missing or repeated.
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
        copy = json.loads(json.dumps(rows))
        name = ("doc", "metric", "model_response")[rng.integers(0, 3)]
        fields = list(copy[0][name])
        field, value, action = (
            fields[rng.integers(0, len(fields))],
            WRONG[rng.integers(0, len(WRONG))],
            rng.integers(0, 4),
        )
        for row in copy:
            if action == 0:
                row[name].pop(field)
            elif action == 1:
                row[name] = value
            else:
                row[name][field] = value
        try:
            yield written(pa.Table.from_pylist(copy))
        except (pa.ArrowException, OverflowError, NotImplementedError):
            yield written(table.drop_columns([name]))
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


def written(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


CORPUS = [  # reader, the folder to copy, the file in it that is hurt, what is read, how it is hurt
    (lm_eval, LM_EVAL, QUESTIONS, QUESTIONS, "lines"),
    (lm_eval, LM_EVAL, CHOICES, CHOICES, "lines"),
    (lm_eval, LM_EVAL, RESULTS, QUESTIONS, "json"),
    (livecodebench, LIVECODEBENCH.parent, LIVECODEBENCH, LIVECODEBENCH, "json"),
    (evalplus, EVALPLUS.parent, EVALPLUS, EVALPLUS, "json"),
    (inspect_ai, INSPECT, INSPECT / "whole.eval", INSPECT / "whole.eval", "zip"),
    (inspect_ai, INSPECT, INSPECT / "crashed.eval", INSPECT / "crashed.eval", "zip"),
    (inspect_ai, INSPECT, INSPECT / "plain.json", INSPECT / "plain.json", "json"),
    (lighteval, LIGHTEVAL, DETAILS[0], DETAILS[0], "parquet"),
    (lighteval, LIGHTEVAL, DETAILS[1], DETAILS[1], "parquet"),
    (lighteval, LIGHTEVAL, LIGHTEVAL_RESULTS, DETAILS[0], "json"),
    (helm, HELM, HELM / "per_instance_stats.json", HELM, "json"),
    (helm, HELM, HELM / "scenario_state.json", HELM, "json"),
    (helm, HELM, HELM / "run_spec.json", HELM, "json"),
]


def damage(kind: str, path: Path, rng: np.random.Generator) -> Iterator[bytes]:
    yield from HOSTILE
    yield from {
        "lines": lambda: json_damage(path.read_bytes(), rng, lines=True),
        "json": lambda: json_damage(path.read_bytes(), rng),
        "zip": lambda: zip_damage(path, rng),
        "parquet": lambda: parquet_damage(path, rng),
    }[kind]()


def survives(reader, path: Path, hurt: Path) -> bool:
    """Reads path, of which hurt is damaged: whether it was refused, with a line that names one of
    them; else the rows are sound.
    """
    try:
        for samples, rows in read(reader, path):
            assert (
                samples.benchmark_id
                and json.dumps(samples.harness)
                and json.dumps(samples.facts, default=str)
            )
            for row in rows:
                assert (
                    isinstance(row.score, float)
                    and math.isfinite(row.score)
                    and len(row.prompt_id) == 16
                    and row.attempt >= 0
                )
                assert all(
                    text is None or isinstance(text, str)
                    for text in (
                        row.category,
                        row.prompt,
                        row.expected,
                        row.answer,
                        row.finish_reason,
                    )
                ) and isinstance(row.item, str)
        return False
    except QwhError as error:
        assert (
            "\n" not in str(error)
            and (str(hurt) in str(error) or str(path) in str(error))
            and len(str(error)) < 2000
        ), str(error)[:500]
        return True


@pytest.mark.parametrize(
    "case", CORPUS, ids=lambda case: f"{case[0].__name__.rpartition('.')[2]}-{case[2].name[:20]}"
)
def test_damaged_files(tmp_path, case):
    reader, folder, target, given_path, kind = case
    root = tmp_path / folder.name
    shutil.copytree(folder, root)
    path, hurt = root / given_path.relative_to(folder), root / target.relative_to(folder)
    count = refusals = 0
    for data in damage(kind, target, np.random.default_rng(7)):
        hurt.write_bytes(data)
        count += 1
        refusals += survives(reader, path, hurt)
    assert count >= 200 and refusals >= 60, (count, refusals)
    assert not list(tmp_path.parent.rglob("escape*"))


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_that_hypothesis_finds(tmp_path_factory, data):
    reader, folder, target, given_path, _ = data.draw(
        st.sampled_from(
            [
                case
                for case in CORPUS
                if case[1] in (LM_EVAL, LIVECODEBENCH.parent, EVALPLUS.parent, INSPECT, HELM)
            ]
        )
    )
    root = tmp_path_factory.mktemp("hurt") / folder.name
    shutil.copytree(folder, root)
    hurt, whole = root / target.relative_to(folder), target.read_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=2, max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)])]
    tokens = st.sampled_from(
        [
            b"",
            b"NaN",
            b"null",
            b'"',
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b"\n",
            b"-1",
            b"1e400",
            b"\\",
            b"\xff",
            b"PK\1\2",
        ]
    ) | st.binary(max_size=8)
    order = (
        data.draw(st.lists(st.sampled_from(range(len(pieces))), max_size=8))
        if data.draw(st.booleans())
        else range(len(pieces))
    )
    hurt.write_bytes(
        b"".join(piece for index in order for piece in (pieces[index], data.draw(tokens)))
    )
    survives(reader, root / given_path.relative_to(folder), hurt)
    shutil.rmtree(root)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc how much memory is taken")
def test_bombs_need_little_memory(tmp_path):
    """In a process of its own that may not take 1 GiB more than it starts with."""
    kept = {
        name: data
        for name, data in members(INSPECT / "whole.eval").items()
        if name in ("header.json", "summaries.json")
    }
    paths = []
    for index, data in enumerate(bombs(kept)):
        paths.append(tmp_path / f"bomb{index}.eval")
        paths[-1].write_bytes(data)
    deep = tmp_path / "deep.jsonl"
    deep.write_bytes(b'{"doc_id": 1, "doc": ' + b"[" * 30_000_000)
    wide = tmp_path / "wide.jsonl"
    wide.write_bytes(
        b'{"doc_id": 1, "filtered_resps": ['
        + b"[]," * 10_000_000
        + b'[]], "prompt_hash": "x", "acc": 1}'
    )
    script = """
import resource, sys
from pathlib import Path
from qwh.errors import QwhError
from qwh.ingest.readers import inspect_ai, lm_eval
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 30),) * 2)
for name in sys.argv[1:]:
    try:
        print(sum(len(list(samples.rows)) for samples in (inspect_ai if name.endswith("eval") else lm_eval).read(Path(name), {})))
    except QwhError as error:
        print("refused", error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, [*paths, deep, wide])],
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == len(paths) + 2, done.stderr[-2000:]
    assert all(line.startswith("refused") for line in lines[:-1]), lines
