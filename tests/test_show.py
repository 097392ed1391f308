"""`qwh show`: rows, columns, order, formats and the list; a real terminal with its pager."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from conftest import query, qwh
from rich.cells import cell_len

from qwh.commands.look import screen
from qwh.database.names import why_empty
from qwh.database.warehouse import PROJECT
from qwh.errors import ExitCode, meant
from qwh.exports import columns

ANALYSES = sorted(path.stem for path in (PROJECT / "analyses").glob("*.sql"))


def show(warehouse, *arguments):
    """What is printed, on stdout, without an error."""
    done = qwh("show", *arguments, "--warehouse", warehouse)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def rows(warehouse, *arguments) -> list[dict]:
    """The same as objects."""
    return json.loads(show(warehouse, *arguments, "--format", "json"))


def refused(warehouse, *arguments) -> str:
    """The line that says why not."""
    done = qwh("show", *arguments, "--warehouse", warehouse)
    assert done.exit_code in (ExitCode.NOT_FOUND, ExitCode.BAD_INPUT, ExitCode.USAGE)
    assert not done.stdout
    return done.stderr.strip().splitlines()[-1]


# --- the screen -----------------------------------------------------------------------------------


def test_the_width_is_the_options_then_columns_then_the_terminals_then_100(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: (_ for _ in ()).throw(OSError))
    assert screen() == 100 and screen(width=72) == 72 and screen(wide=True) is None
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((133, 40)))
    assert screen() == 133
    monkeypatch.setenv("COLUMNS", "81")
    assert screen() == 81 and screen(width=72) == 72


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", [*ANALYSES, "findings"])
def test_every_analysis_fits(study, name, width):
    """On the packed study: no line is wider, none is wrapped, and what is left out is named."""
    lines = show(study, name, "--width", width, "--no-pager").splitlines()
    assert max(map(cell_len, lines)) <= width
    rule = next(k for k, line in enumerate(lines) if set(line) == {"─"})
    end = next(k for k, line in enumerate(lines) if re.match(r"[\d,]+ rows?\b", line))
    assert len(lines) - end <= (6 if lines[end].startswith("0 ") else 3)  # with why it is empty
    head, below = " ".join(lines[:rule]).replace("_ ", "_"), " ".join(lines[end:])
    known = columns.known(name)
    always = {each for each, row in known.items() if row["importance"] == "1"} - {"cohort_id"}
    folded = head.replace("_", " ").split()
    for each in always - {"says"}:
        assert set(each.split("_")) <= set(folded), (each, lines[:rule])
    if not below.partition("Empty")[0].rstrip().endswith("..."):
        missing = [each for each in known if not set(each.split("_")) <= set(folded)]
        assert all(each in below or each in ("cohort_id", "says") for each in missing), below
    if not any(row["form"] in ("text", "sentence") for row in known.values()):
        total = int(lines[end].split()[0].replace(",", ""))
        cohorts = {name for (name,) in query(study, "select cohort_id from dim_cohorts")}
        body = [line for line in lines[rule + 1 : end] if line not in cohorts]
        assert len(body) == total  # a line for each row


def test_a_verdict_is_left_out_of_no_table(study):
    """However narrow the screen of the packed study's two cohorts; study has its sentence below."""
    for name in sorted({*ANALYSES, "findings"} - {"study"}):
        if "verdict" in columns.known(name):
            lines = show(study, name, "--width", 80, "--limit", 30, "--no-pager").splitlines()
            rule = next(k for k, line in enumerate(lines) if set(line) == {"─"})
            assert "verdict" in " ".join(lines[:rule]).split(), name


def test_wide_shows_every_column_on_one_line(warehouse):
    lines = show(warehouse, "fidelity", "--wide").splitlines()
    assert lines[0].split() == list(columns.known("fidelity")) and len(lines) == 2 + 6 + 1


def test_a_lone_cohort_is_said_once(warehouse):
    lines = show(warehouse, "fidelity").splitlines()
    assert "cohort_id" not in lines[0] and "6 rows of cohort tiny" in lines


# --- which rows and columns -----------------------------------------------------------------------


def test_columns_are_shown_as_asked(warehouse):
    head = show(warehouse, "fidelity", "--columns", "ppl, cohort_id").splitlines()[0]
    assert head.split() == ["ppl", "cohort_id"]
    error = refused(warehouse, "fidelity", "--columns", "ppl,kld_men")
    assert "kld_men" in error and "did you mean kld_mean" in error


def test_where_sort_and_limit_are_sqls(warehouse):
    asked = "from fct_scores where score > 0.5 order by score desc nulls last, quant_id limit 5"
    expected = query(warehouse, f"select quant_id, scoring, score {asked}")
    found = rows(
        warehouse, "fct_scores", "--where", "score > 0.5", "--sort", "-score,quant_id", "--limit", 5
    )
    assert [(row["score"]) for row in found] == [row[2] for row in expected]
    [(total,)] = query(warehouse, "select count(*) from fct_scores where score > 0.5")
    printed = show(warehouse, "fct_scores", "--where", "score > 0.5", "--limit", 5)
    assert "\n...\n" in printed and f"{total:,} rows" in printed


def test_rows_is_a_name_of_limit(warehouse):
    assert len(rows(warehouse, "int_tokens", "--rows", 3)) == 3


@pytest.mark.parametrize(
    "where",
    [
        "1 = 1; drop table fct_scores",
        "1 = 1) or (1 = 1",
        "score > 0 union select 1",
        "count(*) > 1",
        "score > 0, score < 1",
        "nonsense > 1",
        "score >",
        "score > (select max(x) from read_csv('/etc/passwd') as t(x))",
    ],
)
def test_where_is_one_expression_over_the_columns(warehouse, where):
    error = refused(warehouse, "fct_scores", "--where", where)
    assert "--where" in error and "quant_id" in error


def test_columns_to_sort_by_are_known(warehouse):
    assert "did you mean score or" in refused(warehouse, "fct_scores", "--sort", "-scor")


def test_an_empty_table_says_why(warehouse):
    """By its comment's sentence, but not where a condition of the reader's leaves nothing."""
    said = "Empty where every prompt that one side answered is compared."
    printed = show(warehouse, "unpaired")
    assert printed.splitlines()[-1] == said and "\n0 rows\n" in printed
    assert "Empty" not in show(warehouse, "fidelity", "--where", "kld_mean > 99")
    for name in ANALYSES:
        assert why_empty(warehouse, name).startswith("Empty "), name


# --- formats --------------------------------------------------------------------------------------


def test_formats_for_programs_are_whole_and_not_rounded(warehouse, tmp_path):
    asked = ("fct_scores", "--where", "scoring = 'answered'", "--sort", "quant_id")
    sql = "from fct_scores where scoring = 'answered' order by quant_id"
    names = ["cohort_id", "quant_id", "score"]
    expected = query(warehouse, f"select {', '.join(names)} {sql}")
    found = rows(warehouse, *asked, "--columns", ",".join(names))
    assert [tuple(row.values()) for row in found] == expected
    csv = show(warehouse, *asked, "--columns", ",".join(names), "--format", "csv")
    assert pl.read_csv(csv.encode()).rows() == expected
    for name in ("markdown", "md"):
        table = show(warehouse, *asked, "--columns", "quant_id,score", "--format", name)
        assert table.startswith("| quant_id | score |\n| --- | ---: |\n")
    path = tmp_path / "scores.csv"
    more = ("--columns", ",".join(names), "--warehouse", warehouse)
    assert qwh("export", "fct_scores", "-o", path, *more).exit_code == 0
    done = qwh("export", "fct_scores", "-o", "-", "--format", "csv", *more)
    assert done.stdout == path.read_text()


def test_an_unknown_format_is_refused(warehouse):
    assert "table, csv, json" in refused(warehouse, "fidelity", "--format", "yaml")


@pytest.mark.parametrize(
    "command",
    [("compare", "Q8_0", "Q2_K"), ("plan", "--pair", "Q8_0", "Q2_K"), ("pick",), ("card",)],
)
def test_decisions_have_formats_and_columns(warehouse, command):
    done = qwh(*command, "--format", "json", "--warehouse", warehouse)
    found = json.loads(done.stdout)
    assert done.exit_code == 0 and found and isinstance(found[0], dict)
    first = next(iter(found[0]))
    narrow = qwh(*command, "--format", "csv", "--columns", first, "--warehouse", warehouse)
    assert narrow.stdout.splitlines()[0] == first
    fitted = qwh(*command, "--warehouse", warehouse)
    assert max(map(cell_len, fitted.stdout.splitlines())) <= 100


# --- names ----------------------------------------------------------------------------------------


def test_the_list_has_a_line_for_each_with_its_sentence(warehouse):
    lines = show(warehouse, "--width", 80).splitlines()
    names = [line.split()[0] for line in lines[2:-1]]
    there = query(warehouse, "select table_name from information_schema.tables")
    assert sorted(names) == sorted({*ANALYSES, *(name for (name,) in there)})
    assert max(map(cell_len, lines)) <= 80 and all(line.count(" ") > 2 for line in lines[2:-1])
    listed = {row["name"]: row["sentence"] for row in rows(warehouse)}
    [(comment,)] = query(
        warehouse, "select comment from duckdb_tables() where table_name = 'dim_models'"
    )
    assert comment.startswith(listed["dim_models"].removesuffix("."))


def test_a_sentence_that_does_not_fit_leaves_out_first_what_a_row_is(warehouse):
    lines = {line.split()[0]: line for line in show(warehouse, "--width", 80).splitlines()[2:-1]}
    assert lines["fct_fidelity"].endswith("  How far the quant is from the reference.")
    wide = {row["name"]: row["sentence"] for row in rows(warehouse)}["fct_fidelity"]
    assert wide.startswith("One row per ") and wide.endswith(
        "how far the quant is from the reference."
    )


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("fidelty", "fidelity"), ("tokens", "int_tokens"), ("Study", "study")],
)
def test_a_misspelt_name_is_answered_with_the_near_ones(warehouse, wrong, right):
    error = refused(warehouse, wrong)
    assert re.search(rf"did you mean .*\b{right}\b", error) and len(error) < 160


def test_names_that_errors_mean():
    assert meant("Q8", ["m-Q8_0", "m-Q4_K_M"]) == "did you mean m-Q8_0?"
    assert meant("zzz", []) == "there are none yet"
    assert meant("zzz", [f"q{k:02}" for k in range(20)]).endswith("q11 and 8 more")
    assert meant("Wiki", ["wiki"]) == "did you mean wiki?"


def test_unknown_cohorts_and_quants_are_answered_so(warehouse):
    assert "did you mean tiny?" in refused(warehouse, "fidelity", "--cohort", "tyni")
    done = qwh("compare", "Q8", "Q4_K_M", "--warehouse", warehouse)
    assert "did you mean Q8_0?" in done.stderr and done.exit_code == ExitCode.NOT_FOUND


def test_the_usual_cohort_is_left_aside_where_none_is_kept(warehouse, monkeypatch):
    assert "leave --cohort out" in refused(warehouse, "metrics", "--cohort", "tiny")
    monkeypatch.setenv("QWH_COHORT", "tiny")
    assert "kld_mean" in show(warehouse, "metrics")
    assert "6 rows of cohort tiny" in show(warehouse, "fidelity")


def test_tables_that_are_behind_are_said_to_be(warehouse, tmp_path):
    """On stderr, once; what was asked is printed all the same."""
    folder = tmp_path / "w"
    shutil.copytree(warehouse, folder)
    runs = sorted((folder / "raw" / "runs").glob("[!_]*.json"))
    asked = (("show", "fidelity"), ("compare", "Q8_0", "Q2_K"), ("pick",), ("card",))
    assert qwh(*asked[0], "--warehouse", folder).stderr == ""
    runs[0].unlink()
    for each in asked:
        done = qwh(*each, "--warehouse", folder)
        [line] = done.stderr.splitlines()
        assert done.exit_code == 0 and done.stdout and line.endswith("run qwh build")


# --- a terminal -----------------------------------------------------------------------------------


def in_terminal(warehouse, arguments: list[str], lines: int, **environment: str) -> str:
    """What a terminal of so many lines gets to see."""
    ours, theirs = pty.openpty()
    code = "import sys; from qwh.cli import app; app()"
    size = {"COLUMNS": "80", "LINES": str(lines), "QWH_WAREHOUSE": str(warehouse)}
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code, *arguments],
        env=os.environ | size | environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):
        while piece := os.read(ours, 1 << 16):
            seen += piece
    os.close(ours)
    assert process.wait() == 0, seen
    return seen.decode()


def test_what_is_longer_than_the_terminal_goes_through_the_pager(warehouse, tmp_path):
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho paged; cat\n")
    pager.chmod(0o755)
    asked = ["show", "disagreements"]
    assert "paged" in in_terminal(warehouse, asked, 10, PAGER=str(pager))
    assert "paged" not in in_terminal(warehouse, asked, 90, PAGER=str(pager))
    assert "paged" not in in_terminal(warehouse, [*asked, "--no-pager"], 10, PAGER=str(pager))
    plain = in_terminal(warehouse, asked, 10, PAGER="cat")
    assert max(map(cell_len, plain.splitlines())) <= 80 and "24 rows" in plain


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["show fidelity", "status", "compare a b", "runs list"])
def test_a_missing_warehouse_is_one_line(tmp_path, command):
    done = qwh(*command.split(), "--warehouse", tmp_path / "none")
    assert done.exit_code == ExitCode.NOT_FOUND
    assert "is not a warehouse" in done.stderr and done.stderr.count("\n") == 1


def test_a_missing_folder_is_said_to_be_missing(warehouse, tmp_path):
    path = tmp_path / "none" / "a.csv"
    done = qwh("export", "fct_scores", "-o", path, "--warehouse", warehouse)
    assert done.exit_code == ExitCode.NOT_FOUND
    assert f"there is no folder {path.parent}" in done.stderr and "space" not in done.stderr


def test_an_export_is_there_whole_or_not_at_all(warehouse, tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("older")

    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    done = qwh("export", "fct_scores", "-o", path, "--warehouse", warehouse)
    assert done.exit_code == ExitCode.STORAGE and path.read_text() == "older"
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]
