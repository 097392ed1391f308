"""Whenever a process dies, and whatever lies in the database's place: the next command works."""

import os
import shutil
import signal
import socket
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from conftest import qwh
from stand_in import StandIn, build_quickly, child, make
from toy import rows

from qwh.database import build as builds
from qwh.database import dbt_build, freshness
from qwh.database.opened import opened
from qwh.database.warehouse import Warehouse
from qwh.errors import ExitCode
from qwh.raw.schema import TABLES
from qwh.raw.store import NOTHING, Store

MANY = 400  # more calls than any of these makes


@pytest.fixture
def quick(monkeypatch):
    """Builds without dbt."""
    monkeypatch.setattr(dbt_build, "Dbt", StandIn)


def deaths(work, *arguments, **more) -> int:
    """How a child ended: below 0 by a signal."""
    process = child(work, *arguments, **more)
    process.join()
    return process.exitcode


def is_whole(folder: Path) -> bool:
    """Whether all that `qwh init` makes is there."""
    store = Store(folder)
    texts = [store.raw / name / "_none.json" for name in ("runs", "measures", "edits")]
    return all(text.read_text() == NOTHING for text in texts) and all(
        pq.read_schema(store.part(table, "_schema")).equals(schema)
        for table, schema in TABLES.items()
    )


def test_init_that_is_killed_at_any_call_can_be_repeated(tmp_path):
    """A kill before every mkdir, rename, replace, fsync and unlink, each in a folder of its own."""
    for count in range(1, MANY):
        folder = tmp_path / str(count)
        ended = deaths(make, folder, 3, die_at=count)
        make(folder)
        assert is_whole(folder), count
        shutil.rmtree(folder)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert 30 < count < MANY - 1  # it did die at each


@pytest.mark.parametrize("most", [0, 1, 2, 4, 100, 400, 1000, 2000])
def test_init_that_is_killed_while_it_writes_can_be_repeated(tmp_path, most):
    ended = deaths(make, tmp_path / "w", most=most)
    assert ended in (-signal.SIGXFSZ, 0) and (ended or most >= 1000)
    make(tmp_path / "w")
    assert is_whole(tmp_path / "w")


@pytest.mark.parametrize("junk", [b"", b"PAR1", None])
def test_a_part_that_cannot_be_read_is_made_anew(tmp_path, junk, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path).create()
    part = store.part("tokens", "_schema")
    part.write_bytes(part.read_bytes()[:200] if junk is None else junk)
    (store.raw / "runs" / "_none.json").write_text("[")
    assert qwh("init", tmp_path).exit_code == 0 and is_whole(tmp_path)


@pytest.mark.parametrize("sign", ["*", "[", "?", "#", "\\"])
def test_a_path_that_duckdb_reads_as_a_pattern_is_refused(tmp_path, sign):
    done = qwh("init", tmp_path / f"a{sign}b")
    assert done.exit_code == ExitCode.USAGE and done.stderr.count("\n") == 1
    assert "pattern" in done.stderr and sign in done.stderr
    assert list(tmp_path.iterdir()) == []


def grown(folder: Path) -> list[tuple]:
    return rows(Warehouse(folder), "from grown")


def test_a_build_that_is_killed_at_any_call_can_be_repeated(tmp_path, quick):
    """Readers have the older or the newer tables, and the next build sweeps what is left."""
    folder = tmp_path / "w"
    make(folder)
    builds.build(Warehouse(folder))
    for count in range(1, MANY):
        ended = deaths(build_quickly, folder, die_at=count)
        assert grown(folder) == [(0,)], count
        builds.build(Warehouse(folder), full_refresh=True)
        left = {path.name for path in (folder / ".build").iterdir()}
        assert {name for name in left if name[0].isdigit()} == set(), count
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert 10 < count < MANY - 1
    assert freshness.stale(Warehouse(folder)) == [] and is_whole(folder)


@pytest.mark.parametrize("gap", range(10))
def test_of_two_builds_at_once_one_is_refused_and_names_the_other(tmp_path, gap):
    """Ten overlaps, from both at the same moment to one at the other's end."""
    folder = tmp_path / "w"
    make(folder)
    first = child(build_quickly, folder, tmp_path / "first", False, 0.3)
    first.join(gap * 0.05)
    second = child(build_quickly, folder, tmp_path / "second", False, 0.3)
    first.join()
    second.join()
    refused = [name for name in ("first", "second") if (tmp_path / name).exists()]
    assert sorted([first.exitcode, second.exitcode]) in ([0, 0], [0, ExitCode.STORAGE])
    assert len(refused) == [first.exitcode, second.exitcode].count(ExitCode.STORAGE)
    for name in refused:
        other = second.pid if name == "first" else first.pid
        words = (tmp_path / name).read_text()
        assert f"process {other} on {socket.gethostname()}" in words and "--wait" in words
    assert grown(folder) == [(0,)] and freshness.stale(Warehouse(folder)) == []


def test_a_build_that_waits_is_done_after_the_other(tmp_path):
    folder = tmp_path / "w"
    make(folder)
    both = [child(build_quickly, folder, tmp_path / "said", True, 0.3) for _ in range(2)]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert grown(folder) == [(0,)] and not (tmp_path / "said").exists()


def flipped(whole: bytes, start: int) -> bytes:
    """64 bytes the other way round."""
    stop = start + 64
    return whole[:start] + bytes(255 - byte for byte in whole[start:stop]) + whole[stop:]


DAMAGE = {
    "half": lambda whole: whole[: len(whole) // 2],
    "header": lambda whole: flipped(whole, 0),
    "block": lambda whole: flipped(whole, len(whole) // 3),
    "empty": lambda whole: b"",
    "text": lambda whole: b"my notes\n" * 1000,
    "version": lambda whole: whole[:12] + (99).to_bytes(8, "little") + whole[20:],
    "folder": None,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_database_is_made_anew_by_the_next_build(toy, tmp_path, quick, damage):
    """And whoever asks it is told so, in one line; what is no database of ours is kept beside."""
    folder = tmp_path / "w"
    shutil.copytree(toy.folder, folder)
    database, raw = folder / "warehouse.duckdb", files(folder / "raw")
    whole = database.read_bytes()
    database.unlink()
    if damage == "folder":
        database.mkdir()
        (database / "mine.txt").write_text("mine")
    else:
        database.write_bytes(DAMAGE[damage](whole))
    status = qwh("status", "--warehouse", folder)
    assert status.exit_code == 0 and "toy" in status.stdout
    assert "qwh build" in status.stderr or damage == "block"  # it does not read there
    for command in (
        ["show", "fct_fidelity"],
        ["sql", "from fct_scores"],
        ["compare", "far", "near"],
    ):
        asked = qwh(*command, "--warehouse", folder)
        if damage == "block" and asked.exit_code == 0:
            continue  # nor do all of these
        assert asked.exit_code == ExitCode.STORAGE, asked.stderr
        assert "run qwh build" in asked.stderr.splitlines()[-1]
    built = qwh("build", "--warehouse", folder)
    assert built.exit_code == 0, built.stderr
    assert grown(folder) == [(0,)] and freshness.stale(Warehouse(folder)) == []
    assert files(folder / "raw") == raw
    kept = {path.name for path in folder.iterdir()} - {"raw", ".build", "warehouse.duckdb"}
    if damage in ("text", "folder", "header"):
        assert kept == {"warehouse.duckdb.aside-1"} and "aside-1" in built.stderr
    else:
        assert kept == set()


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_missing_database_is_made_anew_and_what_grows_is_kept_in_a_whole_one(tmp_path, quick):
    make(tmp_path)
    warehouse = Warehouse(tmp_path)
    builds.build(warehouse)
    assert builds.build(warehouse).tables == 0  # nothing is new
    assert builds.build(warehouse, settings={"margin": 0.02}).tables == 4
    assert grown(tmp_path) == [(0,), (1,)]
    assert freshness.stale(warehouse) == []  # the settings stay
    assert freshness.stale(warehouse, {}) == ["other settings are asked for"]
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute("create table of_a_user as select 1 as n")
    assert builds.build(warehouse).tables == 4  # the file is not as the last build left it
    warehouse.database.unlink()
    assert freshness.stale(warehouse) == ["nothing is built yet"]
    builds.build(warehouse)
    assert grown(tmp_path) == [(0,)]


def test_no_variable_of_dbts_is_seen_by_a_build_and_all_are_there_after_it(tmp_path, monkeypatch):
    for name in ("DBT_EMPTY", "DBT_TARGET", "DBT_PROFILE", "DBT_LOG_PATH"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("QWH_WAREHOUSE", "another")
    before = dict(os.environ)
    with dbt_build.alone(tmp_path, tmp_path / "own.duckdb"):
        assert not [name for name in os.environ if name.startswith("DBT_")]
        assert os.environ["QWH_WAREHOUSE"] == str(tmp_path)
    assert dict(os.environ) == before


def test_a_disk_that_fills_up_while_dbt_works_is_said_to_be_full(tmp_path, quick, monkeypatch):
    """As DuckDB tells it; the tables of the last build stay."""
    qwh("init", tmp_path / "w")
    assert qwh("build", "--warehouse", tmp_path / "w").exit_code == ExitCode.OK
    before = (tmp_path / "w" / "warehouse.duckdb").read_bytes()
    words = 'stat_x: Could not write file "w.wal": No space left on device'
    full = dbt_build.Outcome(words, [], 0)
    monkeypatch.setattr(StandIn, "build", lambda *_, **__: full)
    done = qwh("build", "--full-refresh", "--warehouse", tmp_path / "w")
    assert done.exit_code == ExitCode.STORAGE and done.stderr.count("\n") == 1
    assert "No space left on device: free some space" in done.stderr
    assert (tmp_path / "w" / "warehouse.duckdb").read_bytes() == before


def test_no_bar_of_duckdbs_stands_among_what_is_printed(tmp_path, quick):
    """Its own is on by default; only opened.py opens files."""
    folder = Path(opened.__code__.co_filename).parent
    asked = "select current_setting('enable_progress_bar')"
    with opened() as connection:
        assert connection.execute(asked).fetchone() == (False,)
    qwh("init", tmp_path / "w")
    qwh("build", "--warehouse", tmp_path / "w")
    with Warehouse(tmp_path / "w").open():  # which locks what it says of the file
        assert freshness.stale(Warehouse(tmp_path / "w")) == []
    others = [path for path in folder.glob("*.py") if "duckdb.connect(" in path.read_text()]
    assert [path.name for path in others] == ["opened.py"]
