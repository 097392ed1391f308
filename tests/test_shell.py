"""What users hold in their hands: the command line, and the real DuckDB shell on the file."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import polars as pl
import pytest
import typer
from conftest import query, qwh
from typer.core import TyperGroup
from typer.testing import CliRunner

import qwh as qwh_package
from qwh.cli import app
from qwh.database.warehouse import PROJECT, Warehouse
from qwh.errors import ExitCode, QwhError
from qwh.kernels import udf
from qwh.raw.store import Store


def program(name: str) -> str:
    """A program of the environment that runs the tests."""
    found = shutil.which(
        name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    assert found, f"{name} is not installed: pip install '.[dev]'"
    return found


# about imports, of which this warehouse has none
NOTHING_TO_TELL = {"equal_distance", "noise_floor", "unpaired", "topk_fidelity"}


def real_shell(warehouse, sql: str) -> str:
    """The DuckDB project's own command-line shell, as PyPI packs it, without our functions."""
    done = subprocess.run(
        [
            program("duckdb"),
            "-readonly",
            "-csv",
            "-noheader",
            str(warehouse / "warehouse.duckdb"),
            "-c",
            sql,
        ],
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_real_shell_reads_every_table_and_view(warehouse):
    names = real_shell(
        warehouse, "select table_name from information_schema.tables where table_schema = 'main'"
    ).split()
    assert {"fct_fidelity", "stat_correlations", "int_tokens", "dim_cohorts"} <= set(names)
    for name in names:
        assert real_shell(warehouse, f'select count(*) from "{name}"').strip().isdigit()


def test_every_analysis_is_a_table_of_the_real_shell(warehouse):
    for path in sorted((PROJECT / "analyses").glob("*.sql")):
        rows = real_shell(warehouse, f'from "{path.stem}"').strip()
        assert rows or path.stem in NOTHING_TO_TELL, path.stem


def test_no_view_or_macro_needs_python(warehouse):
    views = real_shell(warehouse, "select sql from duckdb_views() where not internal") + real_shell(
        warehouse, "select macro_definition from duckdb_functions() where not internal"
    )
    assert not [name for name in udf.names() if f"{name}(" in views]


def test_help_is_instant_and_imports_typer_alone():
    code = (
        "import sys; from qwh.cli import app; heavy = {'duckdb', 'dbt', 'numpy', 'scipy', 'polars',"
        " 'pyarrow', 'llama_cpp', 'torch', 'numba'} & set(sys.modules); print(heavy or 'light')"
    )
    assert (
        subprocess.run(
            [sys.executable, "-P", "-c", code], capture_output=True, text=True
        ).stdout.strip()
        == "light"
    )
    best = min(_seconds([program("qwh"), "--help"]) for _ in range(3))
    assert best < 1.0  # 0.2 s on an idle machine


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def commands(group: TyperGroup, *words: str) -> list[tuple[str, ...]]:
    """The words of every command below a group, the groups' own among them."""
    found = [words]
    for name, command in group.commands.items():
        inner = isinstance(command, TyperGroup)
        found += commands(command, *words, name) if inner else [(*words, name)]
    return found


@pytest.mark.parametrize("words", commands(typer.main.get_group(app)), ids=" ".join)
def test_every_command_has_help(words):
    done = qwh(*words, "--help")
    assert done.exit_code == 0 and "Usage" in done.stdout
    if words not in ((), ("ingest",), ("measure",), ("runs",)):
        assert "Example: qwh" in " ".join(done.stdout.split())


def test_what_stops_qwh_is_one_line_and_a_code(monkeypatch, tmp_path):
    stops = (
        (QwhError("the disk\nis full", ExitCode.STORAGE), 6, "qwh: the disk is full\n"),
        (ImportError("No module named x"), 7, "qwh: a package is missing: No module named x\n"),
        (
            KeyboardInterrupt(),
            130,
            "qwh: stopped; what is whole is kept, and the same command goes on\n",
        ),
    )
    for error, code, line in stops:
        monkeypatch.setattr(Store, "create", Mock(side_effect=error))
        done = qwh("init", tmp_path)
        assert (done.exit_code, done.stderr) == (code, line)


def test_the_package_offers_the_warehouse_and_its_error():
    assert qwh_package.Warehouse is Warehouse and qwh_package.QwhError is QwhError
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = qwh_package.nonsense


def test_show_sql_and_status_print_tables(warehouse):
    shown = qwh("show", "fidelity", "--warehouse", warehouse)
    assert shown.exit_code == 0 and "Q4_K_M" in shown.stdout and "kld_mean" in shown.stdout
    asked = qwh(
        "sql",
        "select count(*) as n from fct_fidelity where quant_id = 'Q2_K'",
        "--warehouse",
        warehouse,
    )
    assert "n" in asked.stdout and asked.exit_code == 0
    state = qwh("status", "--warehouse", warehouse)
    assert "corpus2" in state.stdout and "prompts" in state.stdout


def test_the_shell_answers_statements_with_our_functions_and_survives_errors(warehouse):
    lines = (
        "select len(statistic_fields()) > 100\n as many;\nselect nonsense;\nselect 42 as answer;\n"
    )
    done = CliRunner().invoke(app, ["sql", "--warehouse", str(warehouse)], input=lines)
    assert (
        done.exit_code == 0
        and "yes" in done.stdout
        and "42" in done.stdout
        and "nonsense" in done.stderr
    )


@pytest.mark.parametrize(
    "statement",
    [
        "copy (select 1) to 'x.csv'",
        "create table t as select 1",
        "delete from fct_scores",
        "attach 'other.db'",
        "set threads = 1",
        "pragma version; drop table fct_scores",
    ],
)
def test_sql_changes_nothing(warehouse, statement):
    before = (warehouse / "warehouse.duckdb").read_bytes()
    done = qwh("sql", statement, "--warehouse", warehouse)
    assert (
        done.exit_code in (ExitCode.USAGE, ExitCode.BAD_INPUT)
        and len(done.stderr.strip().splitlines()) == 1
    )
    assert (warehouse / "warehouse.duckdb").read_bytes() == before


def test_sql_reads_no_file_outside_the_warehouse(warehouse):
    for statement in (
        "select * from read_text('/etc/hostname')",
        "select * from '/etc/passwd'",
        "select * from glob('/*')",
    ):
        assert qwh("sql", statement, "--warehouse", warehouse).exit_code == ExitCode.BAD_INPUT
    assert qwh("sql", "select count(*) from int_tokens", "--warehouse", warehouse).exit_code == 0


@pytest.mark.parametrize("kind", ["csv", "parquet", "markdown", "latex"])
def test_export_writes_the_whole_table(warehouse, tmp_path, kind):
    path = tmp_path / "table"
    assert (
        qwh(
            "export", "fct_scores", "--format", kind, "-o", path, "--warehouse", warehouse
        ).exit_code
        == 0
    )
    rows = query(warehouse, "select quant_id, scoring, score from fct_scores")
    exact = {(quant, scoring): score for quant, scoring, score in rows}
    if kind in ("csv", "parquet"):
        frame = pl.read_csv(path) if kind == "csv" else pl.read_parquet(path)
        keys = zip(frame["quant_id"], frame["scoring"])
        assert frame.height == len(exact) and dict(zip(keys, frame["score"])) == exact
    else:
        text = path.read_text()
        scorings = {scoring for _, scoring in exact}
        assert text.count("Q4_K_M" if kind == "markdown" else r"Q4\_K\_M") == len(scorings)
        assert text.startswith("| cohort_id" if kind == "markdown" else r"\begin{tabular}{lll")


def test_a_second_build_changes_no_number(warehouse):
    def figures():
        return [
            query(warehouse, f"from {table} order by all")
            for table in ("stat_correlations", "fct_fidelity")
        ]

    before = figures()
    assert qwh("build", "--warehouse", warehouse).exit_code == 0
    assert figures() == before
