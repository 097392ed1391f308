"""What a script holds in its hands: qwh.open, and how little a command loads."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from conftest import query, qwh

import qwh as package
from qwh.database.tables import Tables
from qwh.database.warehouse import PROJECT, Warehouse

ASKING = (
    ("show", "zone"),
    ("show",),
    ("sql", "from fidelity"),
    ("compare", "Q8_0", "Q4_K_M"),
    ("pick",),
    ("plan", "--pair", "Q8_0", "Q4_K_M"),
    ("card",),
    ("status",),
)


@pytest.mark.parametrize("kind", [str, Path])
def test_tables_and_analyses_come_as_polars(warehouse, kind):
    w = package.open(kind(warehouse))
    assert isinstance(w, Tables) and w.folder == warehouse
    assert w.table("fidelity").equals(Warehouse(warehouse).relation("fidelity"))
    assert w.table("fidelity", cohort="tiny").height == 6
    rows = query(warehouse, "select count(*) from int_tokens where kld > 0.1")
    assert w.sql("select count(*) from int_tokens where kld > 0.1").item() == rows[0][0]
    assert w.sql("create temp table t as select 1 as x; select x + 1 from t").item() == 2


def test_names_are_all_that_can_be_had(warehouse):
    w = package.open(warehouse)
    analyses = {path.stem for path in (PROJECT / "analyses").glob("*.sql")}
    assert set(w.names()[: len(analyses)]) == analyses
    for name in w.names():
        if not name.startswith("stg_"):
            assert isinstance(w.table(name), pl.DataFrame), name


def test_what_cannot_be_had_is_one_line(warehouse, tmp_path):
    w = package.open(warehouse)
    for ask in (
        lambda: w.table("fidelty"),
        lambda: w.table("fidelity", cohort="none"),
        lambda: w.sql("drop table fct_scores"),
        lambda: w.sql("select nonsense"),
        lambda: w.sql(""),
        lambda: package.open(tmp_path),
    ):
        with pytest.raises(package.QwhError) as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_the_docstring_is_what_there_is():
    assert package.__doc__ is not None
    for words in ("qwh.open(", ".names()", ".table(", ".sql(", "qwh.QwhError", "qwh.Warehouse("):
        assert words in package.__doc__
    assert sorted(package.__all__) == ["QwhError", "Tables", "Warehouse", "open"]
    assert all(getattr(package, name) for name in package.__all__)


@pytest.mark.parametrize("command", ASKING, ids=" ".join)
def test_a_command_that_asks_loads_no_dbt(warehouse, command):
    """1.1 of the 1.9 s of `qwh show` were dbt's, which only a build needs."""
    code = (
        "import sys\nfrom qwh.cli import app\n"
        f"try: app({[*command, '--warehouse', str(warehouse)]!r})\n"
        "except SystemExit: pass\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print('LOADED', *sorted(loaded & {'dbt', 'sqlglot', 'llama_cpp', 'torch', 'numba'}))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1].strip() == "LOADED", done.stderr
    assert qwh(*command, "--warehouse", warehouse).exit_code in (0, 3)  # 3: nothing to pick
