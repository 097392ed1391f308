"""What is kept of an unfinished run: whole chunks, in order, told by checksums, locked while they
are written, and gone when they are of no use.
"""

import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import MODEL, ingest
from kill_runs import start
from test_kills import MEMBERS, began, command, kept, parts
from test_store import manifest, quant_rows

from qwh.errors import ExitCode, QwhError
from qwh.raw import checkpoint, schema, staging
from qwh.raw.store import RunWriter, Store

KEY, REFERENCE_KEY = "ab" * 8, "cd" * 8


@pytest.fixture
def place(tmp_path):
    return Store(tmp_path).create().staging


def of_quant(place, key=KEY):
    return checkpoint.of_quant(place, key, REFERENCE_KEY, "q on text at 8")


def chunk(number: int, rows: int = 4) -> dict:
    """Rows of a chunk, in two blocks."""
    kld = np.full(rows, number + 0.5, np.float32)
    return quant_rows(rows) | {"chunk": np.full(rows, number), "kld": kld}


def filled(place, chunks: int):
    held = of_quant(place)
    for number in range(held.chunks, chunks):
        held.write("tokens", chunk(number, 3))
        held.write("tokens", chunk(number, 2))
        held.close_chunk({"number": number})
    return held


def rows(held, chunks: int) -> list[tuple[int, float]]:
    return [
        (row["chunk"], row["kld"])
        for table, batch in held.rows(chunks)
        for row in batch.to_pylist()
        if table == "tokens"
    ]


def expected(chunks: int) -> list[tuple[int, float]]:
    return [(number, number + 0.5) for number in range(chunks) for _ in range(5)]


def test_chunks_read_back_as_they_were_written(place):
    held = filled(place, 3)
    held.write("tokens", chunk(3))  # not whole: never seen again
    held.release()
    again = of_quant(place)
    assert again.chunks == 3 and [frame.note["number"] for frame in again.frames] == [0, 1, 2]
    assert rows(again, 3) == expected(3) and rows(again, 2) == expected(2)
    again.release()
    more = filled(place, 5)
    assert rows(more, 5) == expected(5)
    more.remove()
    assert list(place.iterdir()) == []


def test_a_run_replayed_is_the_file_of_an_uninterrupted_one(place, tmp_path):
    store = Store(tmp_path)
    with RunWriter(store, "tokens") as writer:
        for number in range(4):
            writer.write("tokens", chunk(number, 3))
            writer.write("tokens", chunk(number, 2))
        writer.publish(manifest("aa11"))
    filled(place, 2).release()
    with RunWriter(store, "tokens") as writer:
        for table, batch in filled(place, 4).rows(4):
            writer.append(table, batch)
        writer.publish(manifest("aa12"))
    one, other = (store.part("tokens", run).read_bytes() for run in ("aa11", "aa12"))
    assert one == other
    assert pq.read_table(store.part("tokens", "aa12"), partitioning=None).num_rows == 20


@pytest.mark.parametrize("damage", ["flip", "cut", "more", "length", "empty"])
def test_a_damaged_chunk_goes_with_what_follows(place, capsys, damage):
    filled(place, 4).release()
    path = place / KEY / "chunks"
    raw = bytearray(path.read_bytes())
    size = len(raw) // 4
    left = {"flip": 2, "cut": 3, "more": 4, "length": 1, "empty": 0}[damage]
    if damage == "flip":
        raw[2 * size + size // 2] ^= 1
    elif damage == "length":
        raw[size + 32 : size + 40] = b"\xff" * 8
    raw = {"cut": raw[:-5], "more": raw + b"x" * 7, "empty": b""}.get(damage, raw)
    path.write_bytes(raw)
    capsys.readouterr()
    again = of_quant(place)
    said = capsys.readouterr().err
    assert again.chunks == left and rows(again, left) == expected(left)
    assert said.count("\n") == (damage != "empty")
    assert damage == "empty" or f"q on text at 8: chunk {left} of what was kept is damaged" in said
    again.release()
    assert rows(filled(place, 4), 4) == expected(4)


def test_chunks_after_a_place_are_dropped(place):
    held = filled(place, 4)
    held.write("tokens", chunk(4))
    held.keep(2)
    held.release()
    assert rows(filled(place, 3), 3) == expected(3)


HOLD = """
import sys
from pathlib import Path
from qwh.raw import checkpoint
held = checkpoint.of_quant(Path(sys.argv[1]), *sys.argv[2:])
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_never_make_one_run_and_no_sweep_takes_it(place, tmp_path):
    filled(place, 2).release()
    arguments = (str(place), KEY, REFERENCE_KEY, "q on text at 8")
    with subprocess.Popen(
        [sys.executable, "-P", "-c", HOLD, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(QwhError) as caught:
            of_quant(place)
        assert caught.value.code == ExitCode.STORAGE
        line = f"q on text at 8 is being read in process {other.pid} on "
        assert str(caught.value).startswith(line) and "\n" not in str(caught.value)
        # whatever the versions say: what another process holds is never swept
        (place / KEY / "about.json").write_text("{}")
        Store(tmp_path).create()
        assert (place / KEY).exists()
        other.kill()
    Store(tmp_path).create()
    assert list(place.iterdir()) == []


def test_a_dead_processs_chunks_are_not_swept(place, tmp_path):
    filled(place, 2).release()
    Store(tmp_path).create()
    assert of_quant(place).chunks == 2
    assert [each["name"] for each in staging.checkpoints(place)] == ["q on text at 8"]


@pytest.mark.parametrize("which", ["METRICS_VERSION", "SCHEMA_VERSION"])
def test_chunks_of_another_version_are_of_no_use(place, tmp_path, monkeypatch, which):
    filled(place, 2).release()
    for module in (staging, checkpoint):
        monkeypatch.setattr(module, which, getattr(schema, which) + 1)
    held = of_quant(place)
    assert held.chunks == 0
    held.release()
    monkeypatch.undo()
    filled(place, 2).release()
    monkeypatch.setattr(staging, which, getattr(schema, which) + 1)
    Store(tmp_path).create()
    assert list(place.iterdir()) == []


def test_a_references_chunks_stay_as_long_as_a_quant_needs_them(place, tmp_path):
    head = checkpoint.of_reference(place, REFERENCE_KEY, "r on text at 8")
    head.write("tokens", chunk(0))
    head.close_chunk({})
    quant = filled(place, 1)
    head.release()
    quant.release()
    Store(tmp_path).create()
    assert len(list(place.iterdir())) == 2
    of_quant(place).remove()
    Store(tmp_path).create()
    assert list(place.iterdir()) == []


def test_two_processes_keep_one_references_rows_side_by_side(place):
    first = checkpoint.of_reference(place, REFERENCE_KEY, "r")
    second = checkpoint.of_reference(place, REFERENCE_KEY, "r")
    assert first.folder != second.folder
    for held, chunks in ((first, 1), (second, 3)):
        for number in range(chunks):
            held.write("tokens", chunk(number))
            held.close_chunk({})
        held.release()
    assert checkpoint.of_reference(place, REFERENCE_KEY, "r").chunks == 3  # the longest first


def test_work_of_older_versions_and_strangers_is_left_alone_while_it_is_young(place, tmp_path):
    for name in ("123-abc", "²-x", f"{10**30}-x"):
        (place / name).mkdir()
        (place / name / "tokens.parquet").write_bytes(b"x")
    (place / "empty").mkdir()
    (place / "notes.txt").write_text("x")
    Store(tmp_path).create()
    assert not (place / "empty").exists() and len(list(place.iterdir())) == 4


def test_a_full_disk_keeps_what_is_whole(place, tmp_path):
    said = subprocess.run(
        [sys.executable, "-P", "-c", FULL, str(tmp_path), str(MODEL.parent)],
        capture_output=True,
        text=True,
    )
    assert said.returncode == ExitCode.STORAGE, said.stderr
    assert said.stdout.startswith("cannot write rows: File too large")
    held = of_quant(place)
    assert held.chunks > 1 and rows(held, held.chunks) == expected(held.chunks)


FULL = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_checkpoints as t
from qwh.errors import QwhError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # past this: as on a full disk
try:
    t.filled(Path(sys.argv[1]) / "raw" / "_staging", 100)
except QwhError as error:
    print(error)
    sys.exit(error.code)
"""


def test_quants_join_a_text_that_others_left_and_share_its_reference(tmp_path, quants):
    """Through `qwh ingest gguf`: one was killed, the next command asks for it and for another."""
    given = command(tmp_path, quants)
    given = given[: given.index(quants["Q4_K_M"]) - 1] + given[given.index("--corpus") :]
    child = start(given, tmp_path / "said")
    while child.exitcode is None and kept(tmp_path)["Q8_0"] < 4:
        child.join(0.005)
    child.kill()
    child.join()
    held = kept(tmp_path)
    assert 4 <= held["Q8_0"] < 12 and held["Q4_K_M"] == 0
    child = start(command(tmp_path, quants), tmp_path / "said", tmp_path / "reads")
    child.join()
    assert child.exitcode == 0, (tmp_path / "said").read_text()
    read = began(tmp_path / "reads")
    assert read == {
        "tiny-f16": list(range(12)),
        "Q8_0": list(range(held["Q8_0"], 12)),
        "Q4_K_M": list(range(12)),
    }
    other = tmp_path / "other"
    done = ingest(other, [quants[name] for name in MEMBERS[1:]], "--threads", 1)
    assert done.exit_code == 0, done.stderr
    assert parts(other) == parts(tmp_path) and len(parts(other)) == 3


def test_an_error_before_the_first_chunk_leaves_nothing(tmp_path, quants, monkeypatch):
    from qwh.ingest.engines import llama_cpp

    def refused(*_):
        raise QwhError("cannot load it", ExitCode.BAD_INPUT)

    monkeypatch.setattr(llama_cpp, "load", refused)
    done = ingest(tmp_path, [quants["Q8_0"]])
    assert done.exit_code == ExitCode.BAD_INPUT
    assert list((tmp_path / "raw" / "_staging").iterdir()) == []
