"""What the shell fills in: names from the warehouse, quickly, and never an error."""

import json
import os
import resource
import subprocess
import sys

import pytest
from conftest import query, qwh

from qwh.database import names

ASK = "import sys; sys.argv = ['qwh']; from qwh.cli import app; app(prog_name='qwh')"


def completed(words: str, warehouse, **environment: str) -> list[str]:
    """What bash is given for the last word of a line, as it asks for it."""
    asked = {
        "_QWH_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "QWH_WAREHOUSE": str(warehouse),
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", ASK],
        env=os.environ | asked | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("qwh show fid", ["fidelity"]),
        ("qwh show stat_car", ["stat_cards"]),
        ("qwh export volume", ["volume_and_direction"]),
        ("qwh show fidelity --cohort ", ["tiny"]),
        ("qwh compare Q8", ["Q8_0"]),
        ("qwh compare Q8_0 Q3", ["Q3_K_M"]),
        ("qwh plan --pair Q8_0 tiny", ["tiny-f16"]),
        ("qwh show zone --format m", ["markdown"]),
        ("qwh ingest gguf --cohort t", ["tiny"]),
        ("qwh compare --cohort none Q", []),
    ],
)
def test_names_are_filled_in(warehouse, words, expected):
    assert completed(words, warehouse) == expected


def test_the_warehouse_is_the_one_that_the_line_names(warehouse, tmp_path):
    line = f"qwh show --warehouse {warehouse} fid"
    assert completed(line, tmp_path / "none") == ["fidelity"]


def test_before_the_first_build_names_are_those_of_the_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert qwh("init", tmp_path / "w").exit_code == 0
    run = {"cohort_id": "m", "quant_id": "Q4", "role": "quant"}
    (tmp_path / "w" / "raw" / "runs" / "a.json").write_text(json.dumps(run))
    assert names.cohorts(tmp_path / "w") == ["m"] and names.quants(tmp_path / "w", "m") == ["Q4"]
    assert completed("qwh compare ", tmp_path / "w") == ["Q4"]
    assert completed("qwh show ", tmp_path / "w") == []


def test_it_never_errors(tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "warehouse.duckdb").write_text("no database")
    for folder in (tmp_path / "none", broken):
        for words in ("qwh show ", "qwh compare ", "qwh show x --cohort "):
            assert completed(words, folder) == []


def test_it_is_quick(warehouse):
    """In seconds of a processor, which a busy machine does not stretch; nothing heavy is loaded."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    completed("qwh show fid", warehouse)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 0.7  # 0.35 idle
    code = (
        "import sys, pathlib; from qwh.cli import app; from qwh.database import names;"
        f" names.relations(pathlib.Path({str(warehouse)!r}));"
        " print({'dbt', 'polars', 'numpy', 'pyarrow', 'scipy'} & set(sys.modules) or 'light')"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "light"


def test_quants_are_those_of_the_warehouse(warehouse):
    there = query(warehouse, "select distinct quant_id from dim_quants order by 1")
    assert names.quants(warehouse, None) == [name for (name,) in there]


def test_scripts_for_shells_can_be_had():
    for shell in ("bash", "zsh", "fish"):
        done = subprocess.run(
            [sys.executable, "-P", "-c", ASK],
            env=os.environ | {"_QWH_COMPLETE": f"source_{shell}"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and "_QWH_COMPLETE" in done.stdout


def test_help_and_version_have_their_short_ways():
    for words in ((), ("show",), ("ingest",), ("ingest", "gguf"), ("runs", "list")):
        short, long = qwh(*words, "-h"), qwh(*words, "--help")
        assert short.exit_code == 0 and short.stdout == long.stdout and "Usage" in short.stdout
    done = qwh("--version")
    assert done.exit_code == 0 and done.stdout.startswith("qwh 0.")
