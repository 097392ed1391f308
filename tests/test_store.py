"""A run is wholly in the warehouse or not at all."""

import fcntl
import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from qwh.errors import ExitCode, QwhError
from qwh.raw import disk
from qwh.raw.manifest import RunFacts
from qwh.raw.schema import TABLES
from qwh.raw.store import RunWriter, Store


def quant_rows(n: int, k: int = 3) -> dict:
    rows = {field.name: np.arange(n) for field in TABLES["tokens"]}
    return rows | {
        "topk_logprobs": -np.ones((n, k), np.float32),
        "finite": np.ones(n, bool),
        "kld": np.full(n, np.nan, np.float32),
    }


def manifest(run_id: str) -> RunFacts:
    return RunFacts(run_id=run_id, started_at="2026-01-01", role="quant")


def test_a_published_run_reads_back_with_nan_as_null(tmp_path):
    store = Store(tmp_path).create()
    with RunWriter(store, "tokens") as writer:
        writer.write("tokens", quant_rows(5))
        writer.write("tokens", quant_rows(2))
        run = writer.publish(manifest("ab12"))
    table = pq.read_table(store.part("tokens", "ab12"), partitioning=None)
    assert table.schema.equals(TABLES["tokens"])
    assert table.num_rows == 7 and table["kld"].null_count == 7
    assert table["topk_logprobs"][6].as_py() == [-1.0] * 3
    part = json.loads(run.parts)["tokens"]
    assert part["rows"] == 7 and part["bytes"] == store.part("tokens", "ab12").stat().st_size
    assert [run.run_id for run in store.runs()] == ["ab12"]
    assert list((store.raw / "_staging").iterdir()) == []


def test_an_error_midway_leaves_nothing(tmp_path):
    store = Store(tmp_path).create()
    with pytest.raises(ZeroDivisionError), RunWriter(store, "tokens") as writer:
        writer.write("tokens", quant_rows(5))
        raise ZeroDivisionError
    assert store.runs() == [] and list((store.raw / "_staging").iterdir()) == []


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from test_store import quant_rows
from qwh.raw.store import RunWriter, Store
with RunWriter(Store(sys.argv[1]).create(), "tokens") as writer:
    writer.write("tokens", quant_rows(100_000))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_is_invisible_and_swept(tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", "-c", KILLED, str(tmp_path), os.path.dirname(__file__)]
    )
    assert done.returncode == -9
    store = Store(tmp_path)
    assert len(list((store.raw / "_staging").iterdir())) == 1
    assert store.create().runs() == []
    assert list((store.raw / "_staging").iterdir()) == []


FULL = """
import sys
sys.path.insert(0, sys.argv[2])
import resource
from test_store import manifest, quant_rows
from qwh.errors import QwhError
from qwh.raw.store import RunWriter, Store
store = Store(sys.argv[1]).create()
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # past this: as on a full disk
try:
    with RunWriter(store, "tokens") as writer:
        rng = __import__("numpy").random.default_rng(0)
        for _ in range(40):
            writer.write("tokens", quant_rows(5_000) | {"nll": rng.random(5_000)})
        writer.publish(manifest("cd34"))
except QwhError as error:
    print(error)
    sys.exit(error.code)
"""


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", "-c", FULL, str(tmp_path), os.path.dirname(__file__)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == ExitCode.STORAGE, done.stderr
    assert (
        len(done.stdout.splitlines()) == 1 and "cannot write rows" in done.stdout
    ) or "cannot publish" in done.stdout
    store = Store(tmp_path)
    assert store.runs() == [] and list((store.raw / "_staging").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(QwhError, match="cannot make a warehouse") as caught:
        Store(tmp_path / "file").create()
    assert caught.value.code == ExitCode.STORAGE


def test_a_damaged_manifest_is_named(tmp_path):
    store = Store(tmp_path).create()
    (store.raw / "runs" / "ab12.json").write_text("{")
    with pytest.raises(QwhError, match=r"ab12\.json"):
        store.runs()


def test_a_folders_hash_is_of_its_files_under_their_names(tmp_path):
    """In the order of folders and names, as `/` parts them; links are no part of it."""
    (tmp_path / "a").mkdir()
    names = ("B", "a/b", "a-b")
    for name in names:
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to(tmp_path / "B")
    lines = [
        f"{name} {hashlib.sha256(name.encode()).hexdigest()}\n" for name in ("B", "a/b", "a-b")
    ]
    assert disk.sha256(tmp_path) == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_a_file_is_synced_as_one_that_may_be_written(tmp_path, monkeypatch):
    """Windows flushes no other; a folder is opened to be read."""
    modes = []
    monkeypatch.setattr(
        os, "fsync", lambda at: modes.append(fcntl.fcntl(at, fcntl.F_GETFL) & os.O_ACCMODE)
    )
    (tmp_path / "a").write_text("a")
    disk.sync(tmp_path / "a")
    disk.sync(tmp_path)
    assert modes == [os.O_RDWR, os.O_RDONLY]
