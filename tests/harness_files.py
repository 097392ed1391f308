"""Result files of the benchmark harnesses, and how the tests read, unpack and forge them."""

import struct
import zlib
from pathlib import Path

import pytest
import zstandard

from qwh.errors import BadFile, ExitCode
from qwh.ingest.readers import evalplus, helm, inspect_ai, lighteval, livecodebench, lm_eval
from qwh.ingest.readers.port import Sample, Samples
from qwh.ingest.readers.untrusted.archives import Zip

FIXTURES = Path(__file__).parent / "fixtures" / "harness"
LM_EVAL = FIXTURES / "lm-eval" / "dummy__one"
QUESTIONS, CHOICES = sorted(LM_EVAL.glob("samples_*.jsonl"))[::-1]
INSPECT = FIXTURES / "inspect"
EVALPLUS = next((FIXTURES / "evalplus").glob("*.json"))
LIVECODEBENCH = next((FIXTURES / "livecodebench").rglob("*_eval_all.json"))
HELM = next((FIXTURES / "helm").glob("simple_mcqa*"))
DETAILS = sorted((FIXTURES / "lighteval").rglob("*.parquet"))
READERS = {
    "lm-eval": lm_eval,
    "livecodebench": livecodebench,
    "evalplus": evalplus,
    "inspect": inspect_ai,
    "lighteval": lighteval,
    "helm": helm,
}
RESULTS = next(LM_EVAL.glob("results*"))
LIGHTEVAL = FIXTURES / "lighteval"
LIGHTEVAL_RESULTS = next(LIGHTEVAL.rglob("results_*"))


def read(reader, path: Path, **picks: str) -> list[tuple[Samples, list[Sample]]]:
    """Everything at path, rows read to the end."""
    return [(samples, list(samples.rows)) for samples in reader.read(path, picks)]


def one(reader, path: Path, **picks: str) -> tuple[Samples, list[Sample]]:
    (found,) = read(reader, path, **picks)
    return found


def scores(rows: list[Sample]) -> dict[tuple[str, int], float]:
    return {(row.item, row.attempt): row.score for row in rows}


def refused(reader, path: Path, *words: str, **picks: str) -> None:
    """A one-line error with the file's name and these words."""
    with pytest.raises(BadFile) as error:
        read(reader, path, **picks)
    assert error.value.code == ExitCode.BAD_INPUT and "\n" not in str(error.value)
    for word in (path.name, *words):
        assert word in str(error.value), str(error.value)


def members(path: Path) -> dict[str, bytes]:
    archive = Zip(path)
    found = {name: archive.read(name) for name in archive.members}
    archive.close()
    return found


def frames(data: bytes) -> bytes:
    """data as three zstd frames."""
    third = len(data) // 3 + 1
    return b"".join(
        zstandard.ZstdCompressor().compress(data[start : start + third])
        for start in range(0, 3 * third, third)
    )


def archive(files: dict[str, bytes], packed=frames, method: int = 93, **claims: int) -> bytes:
    """A zip file, written by hand so that it can lie.

    claims: file_size, crc, flags, name_length, packed_size in the table.
    """
    body, table = b"", b""
    for name, data in files.items():
        squeezed, raw_name = packed(data), name.encode()
        crc, size = claims.get("crc", zlib.crc32(data)), claims.get("file_size", len(data))
        common = struct.pack(
            "<HHHHHIIIHH",
            20,
            claims.get("flags", 0),
            method,
            0,
            33,
            crc,
            claims.get("packed_size", len(squeezed)),
            size,
            claims.get("name_length", len(raw_name)),
            0,
        )
        table += (
            b"PK\1\2"
            + struct.pack("<H", 20)
            + common
            + struct.pack("<HHHII", 0, 0, 0, 0, len(body))
            + raw_name
        )
        body += b"PK\3\4" + common + raw_name + squeezed
    return (
        body
        + table
        + b"PK\5\6"
        + struct.pack(
            "<HHHHIIH",
            0,
            0,
            len(files),
            len(files),
            claims.get("table_size", len(table)),
            len(body),
            0,
        )
    )
