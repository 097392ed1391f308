"""A warehouse's folder may be moved, renamed or copied: what is read is always its own raw."""

import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest
from conftest import query, qwh
from test_shell import program

import qwh as qwh_package

COUNTED = "select count(*) from int_tokens"
ATTACHED = "attach '{}/warehouse.duckdb' as other (read_only); "
TOLD = "set variable qwh_raw = '/the/warehouse/raw'"


def shell(sql: str, folder: Path, *database: Path | str) -> tuple[str, str]:
    """What the real DuckDB shell prints, and says, where it is started in this folder."""
    opened = ["-readonly", *map(str, database)] if database else []
    done = subprocess.run(
        [program("duckdb"), "-csv", "-noheader", *opened, "-c", sql],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    return done.stdout.strip(), done.stderr.strip()


@pytest.fixture
def moved(warehouse, tmp_path) -> Path:
    """A copy whose name has the signs of a pattern, in a folder that holds another warehouse."""
    (tmp_path / "raw" / "runs").mkdir(parents=True)
    return shutil.copytree(warehouse, tmp_path / "a [b] 'c'")


@pytest.fixture
def less(moved, tmp_path) -> Path:
    """A second copy that has lost a run of a quant, so that its rows are told from the first's."""
    folder = shutil.copytree(moved, tmp_path / "less")
    [[run]] = query(
        folder, "select min(run_id) from int_current_runs where role = 'quant' and task = 'corpus'"
    )
    (folder / "raw" / "runs" / f"{run}.json").unlink()
    return folder


def rows_of(folder: Path) -> int:
    """The rows of int_tokens, by qwh's own connection."""
    return qwh_package.open(folder).sql(COUNTED).item()


def test_a_moved_copy_reads_its_own_rows(warehouse, moved, less, tmp_path):
    whole, fewer = rows_of(moved), rows_of(less)
    assert whole == rows_of(warehouse) > fewer > 0
    for folder, rows in ((moved, whole), (less, fewer)):
        for place, file in (
            (folder, "warehouse.duckdb"),
            (folder, "./warehouse.duckdb"),
            (tmp_path, Path(folder.name) / "warehouse.duckdb"),
            (warehouse, folder / "warehouse.duckdb"),
        ):
            assert shell(COUNTED, place, file) == (str(rows), ""), (place, file)
    moved.rename(tmp_path / "renamed")
    assert shell(COUNTED, warehouse, tmp_path / "renamed" / "warehouse.duckdb")[0] == str(whole)


def test_a_shell_that_attaches_the_file_is_told_where_raw_is(warehouse, less):
    """Never the rows of the folder that it stands in, nor of the warehouse that it opened."""
    ask = ATTACHED.format(less) + COUNTED.replace("int_tokens", "other.int_tokens")
    for place, *database in ((less,), (warehouse,), (warehouse, "warehouse.duckdb")):
        printed, said = shell(ask, place, *database)
        assert not printed and TOLD in said, (place, database)
    other = less.parent / "other.duckdb"
    shutil.copy2(less / "warehouse.duckdb", other)
    called = f"attach '{other}' as other (read_only); select count(*) from other.int_tokens"
    printed, said = shell(called, warehouse, "warehouse.duckdb")
    assert not printed and TOLD in said
    told = f"set variable qwh_raw = '{less}/raw'; "
    assert shell(told + ask, warehouse) == (str(rows_of(less)), "")
    comment = "select comment from duckdb_views() where view_name = 'int_tokens'"
    assert TOLD in shell(comment, less, "warehouse.duckdb")[0]


def test_tables_and_analyses_are_its_own_under_any_name(warehouse, less, tmp_path):
    """Views name no database, so that a second file's read the second file."""
    file = tmp_path / "second.duckdb"
    shutil.copy(less / "warehouse.duckdb", file)
    with duckdb.connect(str(file)) as connection:
        connection.execute("delete from fct_fidelity where quant_id = 'Q2_K'")
    ask = "select count(*) from fidelity where quant_id = 'Q2_K'"
    assert shell(ask, tmp_path, file)[0] == "0"
    other = f"attach '{file}' as other (read_only); " + ask.replace("fidelity", "other.fidelity")
    assert shell(other, warehouse, "warehouse.duckdb")[0] == "0"
    assert shell(ask, warehouse, "warehouse.duckdb")[0] == "1"


def test_no_view_holds_a_path(warehouse):
    for name, sql in query(
        warehouse, "select view_name, sql from duckdb_views() where not internal"
    ):
        assert str(warehouse) not in sql and '"warehouse"' not in sql, name
    # the 1.5 shell reads a view's SQL as 2.0 wrote it, and knows no function of that name
    assert not query(warehouse, "select view_name from duckdb_views() where sql like '%\"if\"(%'")


def test_commands_and_a_build_of_some_models_work_after_a_move(moved):
    moved = moved.rename(moved.with_name("b 'c'"))  # a build wants a name that is no pattern
    built = qwh("build", "--select", "int_tokens fidelity", "--warehouse", moved)
    assert built.exit_code == 0, built.stderr
    assert qwh("sql", COUNTED, "--warehouse", moved).exit_code == 0
    assert qwh("show", "fidelity", "--warehouse", moved).exit_code == 0


def test_a_view_whose_tables_are_not_there_says_what_to_do(moved):
    with duckdb.connect(str(moved / "warehouse.duckdb")) as connection:
        connection.execute("drop table fct_llama_perplexity")
    shown = qwh("show", "llama_perplexity", "--warehouse", moved)
    assert shown.exit_code == 3 and shown.stderr.endswith(
        "qwh: llama_perplexity reads tables that were not built yet: run qwh build\n"
    )
