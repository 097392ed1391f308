"""Packed files wherever files are read: the numbers of the plain ones, and no bomb."""

import gzip
import json
from pathlib import Path

import pytest
import zstandard
from conftest import MODEL, qwh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_files import FIXTURES
from plain_runs import CASES, figures
from test_bad_input import refused
from test_log_llama import KLD_LOG

from qwh.errors import BadFile, ExitCode, QwhError
from qwh.ingest.prompts.benchmarks import read_benchmark
from qwh.ingest.readers.untrusted import packed
from qwh.raw.store import Store

KLD = (FIXTURES / "kld.log").read_bytes()
PACK = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor(write_checksum=True).compress}


def ingest(warehouse: Path, kind: str, path: Path, *more: object):
    return qwh("ingest", kind, path, "--cohort", "m", "--warehouse", warehouse, *more)


def test_a_packed_log_is_the_run_of_the_plain_one(tmp_path):
    done = ingest(tmp_path, "auto", CASES / "quant" / "21-packed.log.gz", "--quant-id", "q")
    assert done.exit_code == 0 and figures(tmp_path) == {"q": KLD_LOG}
    for ending, pack in PACK.items():
        (tmp_path / f"a.log{ending}").write_bytes(pack(KLD))
        again = ingest(tmp_path, "llama-log", tmp_path / f"a.log{ending}", "--quant-id", "q")
        assert again.exit_code == 0 and "already in the warehouse" in again.stderr
    twice = tmp_path / "b.log.gz"
    twice.write_bytes(gzip.compress(PACK[".zst"](KLD[:2000]) + PACK[".zst"](KLD[2000:])))
    again = ingest(tmp_path, "llama-log", twice, "--quant-id", "q")
    assert "already in the warehouse" in again.stderr


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize(
    "kind, name",
    [("table", "table.csv"), ("qbench", "qbench.json"), ("prompt-logprobs", "vllm.jsonl")],
)
def test_files_of_other_kinds(tmp_path, kind, name, ending):
    (tmp_path / f"{name}{ending}").write_bytes(PACK[ending]((FIXTURES / name).read_bytes()))
    more = ("--is-reference",) if kind == "prompt-logprobs" else ()
    plain = ingest(tmp_path / "a", kind, FIXTURES / name, *more)
    done = ingest(tmp_path / "b", "auto", tmp_path / f"{name}{ending}", *more)
    assert done.exit_code == 0 and done.stdout == plain.stdout, done.stderr


def test_within_a_harness_s_folder(tmp_path):
    """lm-eval's samples, some of them packed, and the results beside them."""
    for name, suffix in (("plain", ""), ("packed", ".gz")):
        folder = tmp_path / name / "tiny"
        folder.mkdir(parents=True)
        for task in ("a", "b"):
            lines = [
                {
                    "doc_id": index,
                    "doc": {},
                    "target": "1",
                    "arguments": [[f"{task}{index}?"]],
                    "filtered_resps": ["1"],
                    "resps": [["1"]],
                    "filter": "none",
                    "metrics": ["exact_match"],
                    "exact_match": float(index % 3 == 0),
                    "doc_hash": f"{index}",
                    "prompt_hash": f"{task}{index}",
                    "target_hash": "1",
                }
                for index in range(6)
            ]
            raw = "".join(json.dumps(line) + "\n" for line in lines).encode()
            ending = suffix if task == "a" else ""
            path = folder / f"samples_{task}_2026-01-02T03-04-05.678901.jsonl{ending}"
            path.write_bytes(gzip.compress(raw) if ending else raw)
    found = [
        ingest(tmp_path / "w" / name, "lm-eval", tmp_path / name, "--quant-id", "q")
        for name in ("plain", "packed")
    ]
    assert all(done.exit_code == 0 for done in found), [done.stderr for done in found]
    assert found[0].stdout == found[1].stdout and len(found[0].stdout.splitlines()) == 2


def test_texts_and_prompts(tmp_path):
    prompts = MODEL / "prompts.jsonl"
    (tmp_path / "prompts.jsonl.gz").write_bytes(gzip.compress(prompts.read_bytes()))
    assert read_benchmark(tmp_path / "prompts.jsonl.gz", 8) == read_benchmark(prompts, 8)
    text = (MODEL / "corpus.txt").read_bytes()
    (tmp_path / "corpus.txt.zst").write_bytes(PACK[".zst"](text))
    runs = {}
    for name, path in (("plain", MODEL / "corpus.txt"), ("packed", tmp_path / "corpus.txt.zst")):
        done = qwh(
            "ingest",
            "gguf",
            *("--reference", MODEL / "tiny-f16.gguf", "--quant", MODEL / "tiny-f16.gguf"),
            *("--quant-id", "same"),
            *("--corpus", path, "--context-length", 64, "--chunks", 2),
            *("--cohort", "m", "--warehouse", tmp_path / name),
        )
        assert done.exit_code == 0, done.stderr
        runs[name] = {
            (run.run_id, run.corpus_id, run.corpus_sha256) for run in Store(tmp_path / name).runs()
        }
    assert runs["plain"] == runs["packed"] and len(runs["plain"]) > 0


def test_bombs_and_damage(tmp_path, monkeypatch):
    zeros = bytes(64 << 20)
    for ending, pack in PACK.items():
        path = tmp_path / f"bomb.log{ending}"
        path.write_bytes(pack(zeros))
        done = ingest(tmp_path / "w", "auto", path)
        refused(done, ExitCode.BAD_INPUT, f"bomb.log{ending}", "more than a log or a table can be")
        path.write_bytes(pack(KLD)[:-9])
        done = ingest(tmp_path / "w", "llama-log", path, "--quant-id", "q")
        refused(done, ExitCode.BAD_INPUT, "cut short", f"bomb.log{ending}")
    monkeypatch.setattr(packed, "LARGEST", 1000)
    (tmp_path / "large.log.gz").write_bytes(gzip.compress(KLD))
    with (
        pytest.raises(BadFile, match="a log or a table"),
        packed.unpacked(tmp_path / "large.log.gz"),
    ):
        pass


def test_what_is_packed_otherwise_is_named(tmp_path):
    import bz2
    import lzma

    for name, raw in (("bzip2", bz2.compress(KLD)), ("xz", lzma.compress(KLD))):
        (tmp_path / name).write_bytes(raw)
        for kind in ("auto", "llama-log"):
            done = ingest(tmp_path / "w", kind, tmp_path / name, "--quant-id", "q")
            refused_line = f"packed with {name}: unpack it"
            assert done.exit_code == ExitCode.BAD_INPUT and refused_line in done.stderr


def test_two_files_of_one_name_are_refused(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_bytes(KLD)
    (tmp_path / "logs" / "a.log.gz").write_bytes(gzip.compress(KLD))
    done = ingest(tmp_path / "w", "llama-log", tmp_path / "logs", "--quant-id", "q")
    refused(done, ExitCode.BAD_INPUT, "a.log is beside it")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(sorted(PACK)), st.integers(0, 1500), st.integers(0, 7), st.booleans())
def test_damaged_packing_is_refused_or_the_very_bytes(tmp_path, ending, at, bit, cut):
    raw = bytearray(PACK[ending](KLD[:3000]))
    at %= len(raw)
    raw[at] ^= 1 << bit
    path = tmp_path / f"a{ending}"
    path.write_bytes(raw[:at] if cut else raw)
    try:
        with packed.unpacked(path) as plain:
            found = plain.read_bytes()
    except QwhError as error:
        assert "\n" not in str(error) and path.name in str(error)
    else:
        # what no longer begins as packed is a file of its own
        assert found in (KLD[:3000], path.read_bytes())
