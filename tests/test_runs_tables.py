"""Runs that are taken back, put back and renamed: from the command line to every table and back."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest
from conftest import query, qwh

from qwh.raw import edits
from qwh.raw.store import Store

LM_EVAL = Path(__file__).parent / "fixtures" / "harness" / "lm-eval" / "dummy__one"
LOG = Path(__file__).parent / "fixtures" / "printed" / "kld.log"
ABOUT_BUILDS = ("stg_edits", "dim_build", "int_seen_files")  # of edits and builds, not of quants


def tables(folder: Path) -> dict[str, list[str]]:
    """Every table and view of the built file: its rows to the last bit, in any order."""
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute(f"set variable qwh_raw = '{folder}/raw'")
        names = connection.sql(
            "select table_name from information_schema.tables where table_schema = 'main'"
        ).fetchall()
        return {
            name: sorted(map(repr, connection.table(name).fetchall()))
            for (name,) in names
            if name not in ABOUT_BUILDS
        }


def told_of(folder: Path, words: set[str]) -> set[str]:
    """Tables with a cell that is one of these words, from the built file."""
    found = set()
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute(f"set variable qwh_raw = '{folder}/raw'")
        columns = connection.sql(
            "select table_name, column_name from information_schema.columns"
            " where table_schema = 'main' and data_type = 'VARCHAR'"
        ).fetchall()
        for table, column in columns:
            cells = connection.sql(f'select distinct "{column}" from "{table}"').fetchall()
            if table not in ABOUT_BUILDS and words & {cell for (cell,) in cells}:
                found.add(f"{table}.{column}")
    return found


def listed(folder: Path, *more: str) -> dict[str, list[str]]:
    """What `qwh runs list` prints: id -> the other fields."""
    done = qwh("runs", "list", "--warehouse", folder, *more)
    assert done.exit_code == 0, done.stderr
    return {line.split("\t")[0]: line.split("\t")[1:] for line in done.stdout.splitlines()}


def run(folder: Path, *words: str):
    done = qwh("runs", *words, "--warehouse", folder)
    assert done.exit_code == 0, done.stderr
    return done


def answers_of(folder: Path, flipped: int) -> Path:
    """The fixture's answers, those to the first so many questions graded otherwise."""
    shutil.copytree(LM_EVAL, folder)
    for path in folder.glob("samples_*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines[:flipped]:
            for metric in line["metrics"]:
                line[metric] = 1.0 - line[metric]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture(scope="module")
def mixed(warehouse, tmp_path_factory) -> Path:
    """Own runs, answers and a log that were imported: a built warehouse."""
    folder = tmp_path_factory.mktemp("mixed")
    shutil.copytree(warehouse, folder / "w")
    into = ("--cohort", "tiny", "--warehouse", folder / "w")
    brought = (
        ("lm-eval", LM_EVAL, "--quant-id", "tiny-f16", "--is-reference"),
        ("lm-eval", answers_of(folder / "a", 2), "--quant-id", "1zupeg8w"),
        ("llama-log", LOG, "--quant-id", "log", "--corpus-id", "wiki"),
    )
    for words in brought:
        done = qwh("ingest", *words, *into)
        assert done.exit_code == 0, done.stderr
    built(folder / "w")
    return folder / "w"


def scores(folder: Path, quant: str, benchmark: str) -> list[tuple]:
    """A quant's rows of fct_scores on a benchmark, less the names."""
    return query(
        folder,
        "select * exclude (cohort_id, quant_id, benchmark_id) from fct_scores"
        f" where quant_id = '{quant}' and benchmark_id = '{benchmark}' order by all",
    )


def built(folder: Path) -> None:
    done = qwh("build", "--warehouse", folder)
    assert done.exit_code == 0, done.stderr


def test_what_is_taken_back_leaves_every_table_and_comes_back_to_the_last_bit(mixed):
    before, runs = tables(mixed), listed(mixed)
    scored = {text: scores(mixed, "1zupeg8w", text) for text in ("tiny_choices", "tiny_questions")}
    assert all(scored.values())
    own = [run_id for run_id, (_, quant, *_) in runs.items() if quant == "Q2_K"]
    brought = [run_id for run_id, (_, quant, *_) in runs.items() if quant == "1zupeg8w"]
    assert (len(own), len(brought)) == (6, 2)
    run(mixed, "retract", *(each[:9] for each in own), brought[0], "--why", "a wrong template")
    run(mixed, "rename", "tiny-f16", "f16", "--cohort", "tiny")
    run(mixed, "rename", "1zupeg8w", "Q6_K", "--cohort", "tiny")
    run(mixed, "rename", "log", "Q8_0 of the log", "--cohort", "tiny")
    assert listed(mixed).keys() == runs.keys() - {*own, brought[0]}
    assert listed(mixed, "--all").keys() == runs.keys()
    built(mixed)
    assert told_of(mixed, {*own, brought[0], "Q2_K", "1zupeg8w", "tiny-f16", "log"}) == set()
    after = tables(mixed)
    text = runs[brought[1]][3]
    assert scores(mixed, "Q6_K", text) == scored[text]  # own and imported, one quant's
    same = [row for row in before["fct_fidelity"] if "'Q8_0'" in row and "'tiny" in row]
    assert same and set(same) <= set(after["fct_fidelity"])

    run(mixed, "restore", *own, brought[0])
    run(mixed, "rename", "f16", "tiny-f16", "--cohort", "tiny")
    only = [part for each in brought for part in ("--run", each)]
    run(mixed, "rename", "Q6_K", "1zupeg8w", "--cohort", "tiny", *only)
    run(mixed, "rename", "Q8_0 of the log", "log", "--cohort", "tiny")
    built(mixed)
    again = tables(mixed)
    assert again.keys() == before.keys()
    for name, rows in before.items():
        assert set(rows) ^ set(again[name]) == set(), name
    assert again == before
    assert listed(mixed) == runs


def test_status_counts_what_no_build_has_seen_and_says_why_one_is_due(mixed, tmp_path):
    def status(folder: Path) -> tuple[set[str], str]:
        done = qwh("status", "--warehouse", folder)
        assert done.exit_code == 0, done.stderr
        return {line.split()[-1] for line in done.stdout.splitlines()[2:-1]}, done.stderr

    assert status(mixed) == ({"0"}, "")  # own runs and imports alike
    folder = shutil.copytree(mixed, tmp_path / "w")
    into = ("--cohort", "other", "--quant-id", "q", "--warehouse", folder)
    assert qwh("ingest", "llama-log", LOG, *into).exit_code == 0
    run(folder, "rename", "Q8_0", "eight", "--cohort", "tiny")
    counts, said = status(folder)
    assert counts == {"0", "1"} and "1 run is new; 1 edit is new): run qwh build" in said
    (folder / "warehouse.duckdb").write_text("no database")
    counts, said = status(folder)
    assert "0" not in counts and "run qwh build" in said


def test_sql_and_python_read_the_ledger_alike(mixed, tmp_path):
    """After every kind of edit, some of them twice, and a run that was deleted and came back."""
    shutil.copytree(mixed / "raw", tmp_path / "raw")
    store = Store(tmp_path)
    alone = [str(run.run_id) for run in store.runs() if run.role == "quant"]
    edits.rename(store, "Q8_0", "eight", "tiny")
    edits.rename(store, "eight", "Q8_0", "tiny")
    edits.rename(store, "tiny-f16", "f16", "tiny")
    edits.tag(store, alone[:4], "night")
    edits.tag(store, alone[1:3], "Zürich's")
    edits.tag(store, alone[:1], "night", remove=True)
    edits.retract(store, alone[2:6], "in doubt")
    edits.restore(store, alone[3:4])
    [gone] = edits.by_id(store, alone[2:3])
    edits.purge(store, [gone])
    store.manifest(gone.run_id).write_text(gone.to_json())
    expected = [
        (run.run_id, run.quant_id, store.ledger.tags(run.run_id))
        for run in sorted(store.runs(), key=lambda run: str(run.run_id))
    ]
    with duckdb.connect(str(mixed / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute(f"set variable qwh_raw = '{tmp_path}/raw'")
        found = connection.sql("select run_id, quant_id, tags from stg_runs order by 1").fetchall()
        read = connection.sql("select count(*) from stg_edits").fetchall()
    assert found == expected and len(found) == len(listed(mixed)) - 2
    assert (gone.run_id, gone.quant_id, []) in found
    assert read == [(len(store.ledger.edits()),)]


def test_an_import_of_what_was_renamed_or_taken_back_does_no_work_twice(mixed, tmp_path):
    shutil.copytree(mixed / "raw", tmp_path / "w" / "raw")
    folder, source = tmp_path / "w", answers_of(tmp_path / "a", 2)
    into = ("--cohort", "tiny", "--warehouse", folder)
    run(folder, "rename", "1zupeg8w", "Q9", "--cohort", "tiny")
    first, second = (each for each, facts in listed(folder).items() if facts[1] == "Q9")
    run(folder, "retract", first, "--why", "in doubt")
    there, renamed = "already in the warehouse (run", "already in the warehouse as Q9 (run"
    for name, said in (("1zupeg8w", {renamed: 1, "and is back": 1}), ("Q9", {there: 2})):
        done = qwh("ingest", "lm-eval", source, "--quant-id", name, *into)
        assert done.exit_code == 0 and done.stdout == ""
        assert {words: done.stderr.count(words) for words in said} == said
    assert {first, second} <= listed(folder).keys()
    history = run(folder, "show", first).stdout.splitlines()
    assert [line.split("  ")[-1] for line in history[-3:]] == [
        "quant_id Q9",
        "retracted true: in doubt",
        "retracted false: measured again",
    ]


def test_one_file_is_not_two_quants(mixed, tmp_path):
    shutil.copytree(mixed / "raw", tmp_path / "w" / "raw")
    into = ("--quant-id", "q8", "--cohort", "tiny", "--warehouse", tmp_path / "w")
    source = answers_of(tmp_path / "a", 2)
    done = qwh("ingest", "lm-eval", source, *into)
    assert done.exit_code == 5
    assert "qwh runs rename 1zupeg8w q8 --cohort tiny" in done.stderr
    copy = shutil.copytree(source, tmp_path / "b")
    results = next(copy.glob("results_*.json"))
    results.write_text(results.read_text() + "\n")
    done = qwh("ingest", "lm-eval", copy, *into)
    assert done.exit_code == 0 and "check that they are two models" in done.stderr
