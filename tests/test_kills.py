"""`qwh ingest gguf` killed at any moment goes on where it was: no row lost, doubled or changed, and
of each member at most one chunk read twice.
"""

import hashlib
import json
import os
import random
import shutil
import time
from collections import defaultdict
from pathlib import Path

import pytest
from conftest import LENGTH, MODEL, REFERENCE
from kill_runs import start

from qwh.raw.store import Store

CHUNKS = 12
KILLS = int(os.environ.get("QWH_KILLS", "20"))
MEMBERS = ("tiny-f16", "Q8_0", "Q4_K_M")


def command(warehouse: Path, quants, *more: object) -> list:
    files = [part for name in MEMBERS[1:] for part in ("--quant", quants[name])]
    return [
        *("ingest", "gguf", "--reference", REFERENCE, *files, "--corpus", MODEL / "corpus.txt"),
        *("--cohort", "tiny", "--context-length", LENGTH, "--chunks", CHUNKS, "--threads", 1),
        *("--warehouse", warehouse, *more),
    ]


def parts(warehouse: Path) -> dict[str, str]:
    """Every published part -> its hash; each must be its run's only one."""
    store = Store(warehouse)
    held = {run.run_id: json.loads(run.parts) for run in store.runs()}
    found = {}
    for path in sorted(store.raw.glob("*/run_id=[0-9a-f]*/part.parquet")):
        table, run_id = path.parts[-3], path.parts[-2].removeprefix("run_id=")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if run_id in held:  # else no manifest names it, and nobody sees it
            assert held[run_id][table]["sha256"] == digest
            found[f"{table} {run_id}"] = digest
    return found


def kept(warehouse: Path) -> dict[str, int]:
    """Member -> the whole frames of its checkpoint, counted by their lengths and checksums; all
    chunks where its run is published.
    """
    found = {run.quant_id: CHUNKS for run in Store(warehouse).runs()} if warehouse.exists() else {}
    for about in (warehouse / "raw" / "_staging").glob("*/about.json"):
        data, at, frames = (about.parent / "chunks").read_bytes(), 0, 0
        while at + 40 <= len(data):
            end = at + 40 + int.from_bytes(data[at + 32 : at + 40], "little")
            if hashlib.sha256(data[at + 32 : end]).digest() != data[at : at + 32]:
                break
            at, frames = end, frames + 1
        member = json.loads(about.read_text())["name"].split(" on ")[0]
        found[member] = max(found.get(member, 0), frames)
    return {member: found.get(member, 0) for member in MEMBERS}


def began(reads: Path) -> dict[str, list[int]]:
    """Member -> the chunks that it began to read, in order."""
    found = defaultdict(list)
    for line in reads.read_text().splitlines() if reads.exists() else ():
        file, number = line.rsplit(" ", 1)
        found[Path(file).stem].append(int(number))
    return found


def wait_for_reading(child, reads: Path, chunks: int) -> None:
    """Until this number of chunks is begun."""
    while child.exitcode is None and sum(map(len, began(reads).values())) < chunks:
        time.sleep(0.001)


def check_reading(before: dict[str, int], read: dict[str, list[int]], after: dict[str, int]):
    """A member reads on from what it held, and loses no more than the chunk it was at."""
    for member, chunks in read.items():
        first = min(before.values()) if member == MEMBERS[0] else before[member]
        assert chunks == list(range(first, first + len(chunks))), (member, before, chunks)
        assert before[member] - first <= 1 and chunks[-1] + 1 - after[member] <= 1
    assert all(after[member] >= before[member] for member in before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, quants):
    """What an uninterrupted run stores, and how long it takes, seconds."""
    folder = tmp_path_factory.mktemp("whole")
    for warehouse in (folder / "first", folder / "second"):  # the first one warms the caches
        began = time.monotonic()
        child = start(command(warehouse, quants), folder / "said")
        child.join()
        assert child.exitcode == 0, (folder / "said").read_text()
    return parts(folder / "second"), time.monotonic() - began


def test_kills_at_random_moments_lose_and_double_nothing(tmp_path, quants, whole):
    expected, seconds = whole
    assert len(expected) == 3
    moments = random.Random(7)
    killed, done, resumed = 0, 0, 0
    before = dict.fromkeys(MEMBERS, 0)
    warehouse, reads = tmp_path / "0", tmp_path / "reads"
    while killed < KILLS or before != dict.fromkeys(MEMBERS, 0):
        reads.unlink(missing_ok=True)
        child = start(command(warehouse, quants), tmp_path / "said", reads)
        if killed < KILLS and killed % 4:
            wait_for_reading(child, reads, moments.randrange(3 * CHUNKS))
            time.sleep(moments.uniform(0, 0.05))
            child.kill()
        elif killed < KILLS:
            child.join(moments.uniform(0, seconds))
            child.kill()
        child.join()
        resumed += sum(before.values()) > 0
        after = kept(warehouse)
        check_reading(before, began(reads), after)
        assert parts(warehouse).items() <= expected.items()
        before = after
        if child.exitcode == 0:
            assert parts(warehouse) == expected
            assert list((warehouse / "raw" / "_staging").iterdir()) == []
            done += 1
            warehouse, before = tmp_path / str(done), dict.fromkeys(MEMBERS, 0)
        else:
            assert child.exitcode == -9, (tmp_path / "said").read_text()
            killed += 1
    assert killed >= KILLS and resumed > 0
    print(f"{killed} killed, {resumed} went on from chunks, {done} warehouses, all equal")


def cohort_file(folder: Path, quants) -> Path:
    """What `command` says, as a file for `qwh run`."""
    files = ", ".join(f'"{quants[name]}"' for name in MEMBERS[1:])
    path = folder / "qwh.toml"
    path.write_text(
        f'cohort = "tiny"\nreference = "{REFERENCE}"\nquants = [{files}]\nwarehouse = "w"\n'
        f'[[texts]]\npath = "{MODEL / "corpus.txt"}"\ncontext_length = {LENGTH}\n'
        f"chunks = {CHUNKS}\n"
    )
    return path


def test_a_cohort_file_goes_on_where_it_was_killed(tmp_path, quants, whole):
    """Up to its build, which has its own kills."""
    expected, _ = whole
    moments = random.Random(3)
    file, reads, before = (
        cohort_file(tmp_path, quants),
        tmp_path / "reads",
        dict.fromkeys(MEMBERS, 0),
    )
    for _ in range(5):
        reads.unlink(missing_ok=True)
        child = start(["run", file, "--threads", 1], tmp_path / "said", reads)
        left = len(MEMBERS) * (CHUNKS - max(before.values()))
        wait_for_reading(child, reads, moments.randrange(max(left, 1)))
        child.kill()
        child.join()
        after = kept(tmp_path / "w")
        check_reading(before, began(reads), after)
        before = after
    child = start(["run", file, "--threads", 1], tmp_path / "said")
    while child.exitcode is None and len(parts(tmp_path / "w")) < 3:
        child.join(0.01)
    child.kill()
    child.join()
    assert parts(tmp_path / "w") == expected, (tmp_path / "said").read_text()


def test_kills_at_every_call_of_a_publication_lose_and_double_nothing(tmp_path, quants, whole):
    """From the moment at which all chunks are kept, no model reads anything again."""
    expected, _ = whole
    said = tmp_path / "said"
    full = tmp_path / "full"
    place = full / "raw" / "_staging"
    child = start(command(full, quants), said, die_at=first_call_of_publication(tmp_path, quants))
    child.join()
    assert child.exitcode == -9 and kept(full) == dict.fromkeys(MEMBERS, CHUNKS)
    assert list(place.iterdir()) and parts(full) == {}
    for call in range(1, 100):
        warehouse, reads = tmp_path / f"at{call}", tmp_path / "reads"
        shutil.copytree(full, warehouse)
        child = start(command(warehouse, quants), said, reads, die_at=call)
        child.join()
        assert began(reads) == {} and parts(warehouse).items() <= expected.items()
        if child.exitcode == 0:
            break
        assert child.exitcode == -9, said.read_text()
        child = start(command(warehouse, quants), said, reads)
        child.join()
        assert child.exitcode == 0, said.read_text()
        assert began(reads) == {} and parts(warehouse) == expected
        assert list((warehouse / "raw" / "_staging").iterdir()) == []
    assert call > 12, "an fsync and a rename each for three parts and three manifests"


def first_call_of_publication(tmp_path, quants) -> int:
    """The number of its first call among a run's deadly ones: that of the first part's fsync."""
    for call in range(1, 100):
        warehouse = tmp_path / f"try{call}"
        child = start(command(warehouse, quants), tmp_path / "said", die_at=call)
        child.join()
        held = kept(warehouse)
        shutil.rmtree(warehouse)
        if held == dict.fromkeys(MEMBERS, CHUNKS):
            return call
    raise AssertionError("it never published")
