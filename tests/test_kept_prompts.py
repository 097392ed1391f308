"""`qwh ingest prompts` killed at any moment goes on where it was: no answer lost, doubled, changed.

One by one, where bits hang on what was run before, and side by side.
"""

import hashlib
import json
import os
import random
import shutil
import time
from pathlib import Path

import pytest
from conftest import MODEL, REFERENCE, qwh
from kill_runs import start
from test_kills import parts

from qwh.ingest.engines import llama_cpp
from qwh.ingest.prompts import stopping
from qwh.ingest.prompts.benchmarks import Benchmark
from qwh.ingest.prompts.kept_prompts import KeptPrompts

PROMPTS = 20
KILLS = int(os.environ.get("QWH_KILLS", "20")) // 5
MEMBERS = ("tiny-f16", "Q8_0", "Q2_K")


def command(folder: Path, warehouse: Path, quants, parallel: int, prompts: int = PROMPTS) -> list:
    path = folder / "p.jsonl"
    lines = [json.loads(line) for line in (MODEL / "prompts.jsonl").read_text().splitlines()]
    for number, line in enumerate(lines):  # heads of several lengths, and answers of a few tokens
        line["prompt"] = "Q: Where?\nA: Arlen\n" * (number // 7 % 3) + line["prompt"]
    path.write_text("\n".join(json.dumps(line) for line in lines[:prompts]))
    files = [part for name in MEMBERS[1:] for part in ("--quant", quants[name])]
    return [
        *("ingest", "prompts", path, "--reference", REFERENCE, *files, "--cohort", "tiny"),
        *("--threads", 1, "--warehouse", warehouse, "--parallel", parallel),
        *("--max-new-tokens", 24, "--stop", "Q:"),
    ]


def kept(warehouse: Path) -> dict[str, int]:
    """Member -> frames of its checkpoint, counted by their lengths and checksums."""
    found = dict.fromkeys(MEMBERS, 0)
    for about in (warehouse / "raw" / "_staging").glob("*/about.json"):
        data, at, frames = (about.parent / "chunks").read_bytes(), 0, 0
        while at + 40 <= len(data):
            end = at + 40 + int.from_bytes(data[at + 32 : at + 40], "little")
            if hashlib.sha256(data[at + 32 : end]).digest() != data[at : at + 32]:
                break
            at, frames = end, frames + 1
        found[json.loads(about.read_text())["name"].split(" on ")[0]] = frames
    return found


@pytest.mark.parametrize("parallel", [1, 8])
def test_kills_lose_double_and_change_nothing(tmp_path, quants, parallel):
    said, whole = tmp_path / "said", tmp_path / "whole"
    began = time.monotonic()
    child = start(command(tmp_path, whole, quants, parallel), said)
    child.join()
    seconds = time.monotonic() - began
    assert child.exitcode == 0, said.read_text()
    expected = parts(whole)
    assert len(expected) == 2 + 3 + 2  # tables of the reference and of each quant
    moments, killed, resumed, number = random.Random(parallel), 0, 0, 0
    before = dict.fromkeys(MEMBERS, 0)
    while killed < KILLS or sum(before.values()):
        warehouse = tmp_path / str(number)
        child = start(command(tmp_path, warehouse, quants, parallel), said)
        if killed < KILLS:
            least = sum(before.values()) + moments.randrange(2 * PROMPTS)
            limit = time.monotonic() + 2 * seconds
            while child.exitcode is None and time.monotonic() < limit:
                if warehouse.exists() and sum(kept(warehouse).values()) > least:
                    break
                time.sleep(0.002)
            child.kill()
        child.join()
        resumed += sum(before.values()) > 0
        after = kept(warehouse)
        if child.exitcode == 0:
            assert parts(warehouse) == expected
            assert list((warehouse / "raw" / "_staging").iterdir()) == []
            number, before = number + 1, dict.fromkeys(MEMBERS, 0)
            continue
        assert child.exitcode == -9, said.read_text()
        lost = 2 if parallel == 1 else 0  # alone a prompt is whole or asked again
        assert all(after[who] >= before[who] - lost or parts(warehouse) for who in MEMBERS)
        killed, before = killed + 1, after
    assert resumed > 0


def test_kills_at_calls_of_a_publication(tmp_path, quants, monkeypatch):
    """From the moment at which all prompts are kept no model is asked anything again."""
    said, full, prompts = tmp_path / "said", tmp_path / "full", 3

    def dies(self, quants):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(KeptPrompts, "publish", dies)
        assert qwh(*command(tmp_path, full, quants, 8, prompts)).exit_code != 0
    assert sum(kept(full).values()) == 3 * 2 * prompts
    expected = None
    for call in range(1, 100, 2):
        warehouse = tmp_path / f"at{call}"
        shutil.copytree(full, warehouse)
        child = start(command(tmp_path, warehouse, quants, 8, prompts), said, die_at=call)
        child.join()
        dead = child.exitcode == -9
        if dead:
            child = start(command(tmp_path, warehouse, quants, 8, prompts), said)
            child.join()
        assert child.exitcode == 0, said.read_text()
        expected = expected or parts(warehouse)
        assert parts(warehouse) == expected and len(expected) == 7
        shutil.rmtree(warehouse)
        if not dead:
            break
    assert call > 9


def test_a_reference_that_reads_otherwise_is_asked_anew(tmp_path, quants, monkeypatch, capfd):
    """As on another machine: what was scored against other rows is dropped, and that is said."""
    given = command(tmp_path, tmp_path / "w", quants, 8)
    keep, seen = KeptPrompts.take, [0]

    def stops(self, scored):
        seen[0] += 1
        if seen[0] == 20:
            raise KeyboardInterrupt
        keep(self, scored)

    monkeypatch.setattr(KeptPrompts, "take", stops)
    assert qwh(*given).exit_code != 0
    held = kept(tmp_path / "w")
    assert held["tiny-f16"] > PROMPTS

    def moved(self, scored):
        rows = scored.rows
        if hasattr(rows, "nll_ref"):
            scored = scored._replace(rows=rows._replace(nll_ref=rows.nll_ref + 1))
        keep(self, scored)

    monkeypatch.setattr(KeptPrompts, "take", moved)
    done = qwh(*given)
    assert done.exit_code == 0, done.stderr
    assert "otherwise than before" in done.stderr and len(parts(tmp_path / "w")) == 7


def test_only_new_tokens_are_made_text():
    vocabulary = llama_cpp.vocabulary(llama_cpp.file(REFERENCE))
    made = []

    class Counting:
        is_end = staticmethod(vocabulary.is_end)

        @staticmethod
        def text(ids):
            made.append(len(ids))
            return vocabulary.text(ids)

    text = "héllo wörld, ça va? 漢字 " * 200 + "STOP"
    ids = vocabulary.tokenize(text).tolist()[vocabulary.add_bos :]
    watch = stopping.Watch(Benchmark("b", "", [], 9, stop=("STOP",)), Counting())
    ended = [watch(token) for token in ids]
    assert ended.index(True) == len(ids) - 1 and watch.text.strip() == text.strip()
    assert max(made) <= 2 * (stopping.PATIENCE + 1)
    vocabulary.close()
