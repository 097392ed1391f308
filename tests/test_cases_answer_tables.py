"""Answers in tables and JSON of any form through the command line, prompt by prompt."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from conftest import query, qwh
from test_bad_input import nothing_left, refused

from qwh.errors import ExitCode

CASES = Path(__file__).parent / "fixtures" / "cases"
RESTARTS = CASES / "11-generic-item-restarts"
WORDS = CASES / "12-generic-words-and-nesting"
SUBJECTS = CASES / "03-one-benchmark-in-several-files"
JUDGED = CASES / "04-judged-again"
NAMED = CASES / "20-model-in-the-file-name"
SPEED = CASES / "22-speed"
EVENTS = CASES / "18-openai-evals"
CELLS = CASES / "19-promptfoo-csv"
# prompts, score_ref, score, leapfrogs, drops: Peru is won, Japan and Egypt are lost
USUAL = (12, pytest.approx(10 / 12), pytest.approx(9 / 12), 1.0, 2.0)


def generic(warehouse: Path, files: list[Path], maps: dict, quant: str, *more: object):
    """`qwh ingest generic` into a cohort of the warehouse's name, of ref or a quant."""
    return qwh(
        *("ingest", "generic", *files),
        *(part for name, column in maps.items() for part in ("--map", f"{name}={column}")),
        *("--quant-id", quant, "--warehouse", warehouse),
        *(["--is-reference"] if quant == "ref" else []),
        *more,
    )


def by_item(path: Path, item: str, score: str) -> dict[str, float]:
    """item -> score of a CSV file, as its raw text says."""
    right = ("1", "pass", "True", "true")
    with path.open() as file:
        return {row[item]: float(row[score] in right) for row in csv.DictReader(file)}


def test_the_kept_files_hold_the_usual_figures():
    ref, quant = (by_item(WORDS / f"words_{name}.csv", "task", "result") for name in ("ref", "q4"))
    won = [item for item in ref if quant[item] > ref[item]]
    lost = [item for item in ref if quant[item] < ref[item]]
    assert (len(ref), sum(ref.values()), sum(quant.values())) == (12, 10, 9)
    assert (won, sorted(lost)) == (["Peru"], ["Egypt", "Japan"])


CELL = "[openai:chat:model-{}] Name the capital of {{{{country}}}}"
Case = tuple[Callable[[str], list[Path]], dict, tuple]
BOTH: dict[str, Case] = {  # benchmark -> the files of ref or q4, their map, other options
    "restarts": (
        lambda name: [RESTARTS / f"{name}.csv"],
        {"item": "doc_id", "category": "subject", "score": "correct"},
        (),
    ),
    "words": (
        lambda name: [WORDS / f"words_{name}.csv"],
        {"item": "task", "score": "result"},
        (),
    ),
    "nested": (
        lambda name: [WORDS / f"leaderboard_{name}.parquet"],
        {"prompt": "full_prompt", "score": "metrics.acc"},
        (),
    ),
    "subjects": (
        lambda name: sorted((SUBJECTS / name / "results_m").iterdir()),
        {"prompt": "0", "score": "m_correct"},
        (),
    ),
    "folder": (
        lambda name: [SUBJECTS / name],
        {"prompt": "0", "score": "m_correct"},
        (),
    ),
    "judged": (
        lambda name: [JUDGED / f"only-{name}.jsonl"],
        {"item": "question_id", "score": "score", "category": "category"},
        ("--rows", "last"),
    ),
    "named": (
        lambda name: [NAMED / f"model-{name}_samples.jsonl_results.jsonl"],
        {"item": "task_id", "score": "passed", "answer": "completion"},
        (),
    ),
    "events": (
        lambda name: [EVENTS / f"{name}.jsonl"],
        {"item": "sample_id", "score": "data.correct"},
        (),
    ),
    "where": (
        lambda name: [EVENTS / f"{name}.jsonl"],
        {"item": "sample_id", "score": "data.correct", "where": "type=match"},
        (),
    ),
    "cells": (
        lambda name: [CELLS / f"{name}.csv"],
        {"item": "country", "score": CELL},
        (),
    ),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Every case as a benchmark of its own, in one cohort."""
    warehouse = tmp_path_factory.mktemp("tables") / "w"
    for case, (files, maps, more) in BOTH.items():
        for name in ("ref", "q4"):
            own = maps | {"score": maps["score"].format(name)}
            options = ("--benchmark-id", case, "--cohort", "c", *more)
            done = generic(warehouse, files(name), own, name, *options)
            assert done.exit_code == 0, (case, done.stderr)
    done = qwh("build", "--warehouse", warehouse)
    assert done.exit_code == 0, done.stderr
    return warehouse


@pytest.mark.parametrize("case", BOTH)
def test_each_case_has_its_right_figures(built, case):
    rows = query(
        built,
        "select prompts, score_ref, score, leapfrogs, drops from fct_disagreements where"
        f" benchmark_id = '{case}' and scoring = 'answered'",
    )
    assert rows == [USUAL]


def test_a_file_is_a_category_where_nothing_else_is(built):
    rows = query(
        built,
        "select distinct category, count(*) over (partition by category) from stg_prompts join"
        " stg_runs using (run_id) where stg_prompts.benchmark_id = 'subjects' and quant_id = 'q4'"
        " order by 1",
    )
    assert rows == [("geography", 7), ("history", 5)]


@pytest.mark.parametrize(
    "file, maps, words",
    [
        (
            RESTARTS / "q4.csv",
            {"item": "doc_id", "score": "correct"},
            "4 of 4 prompts have several",
        ),
        (JUDGED / "only-q4.jsonl", {"item": "question_id", "score": "score"}, "2 of 12 prompts"),
        (WORDS / "words_q4.csv", {"item": "task", "score": "task"}, '"France" is no score'),
        (WORDS / "leaderboard_q4.parquet", {"prompt": "full_prompt", "score": "metrics"}, "acc"),
        (SPEED / "bench.csv", {"item": "model_filename", "score": "avg_ts"}, "score lies in 0..1"),
        (
            EVENTS / "q4.jsonl",
            {"item": "sample_id", "score": "data.right"},
            "there is no data.right",
        ),
    ],
    ids=["restarts", "judged", "text", "struct", "speed", "path"],
)
def test_what_is_no_answer_is_refused_with_the_reason(tmp_path, file, maps, words):
    for more in ([], ["--dry-run"]):
        done = generic(tmp_path / "w", [file], maps, "q4", "--cohort", "c", *more)
        refused(done, ExitCode.BAD_INPUT, words)
    nothing_left(tmp_path / "w")


def test_several_files_are_called_something(tmp_path):
    maps = {"prompt": "0", "score": "m_correct"}
    done = generic(tmp_path / "w", [SUBJECTS / "q4" / "results_m"], maps, "q4", "--cohort", "c")
    refused(done, ExitCode.USAGE, "--benchmark-id")
    nothing_left(tmp_path / "w")


@pytest.fixture()
def answers(tmp_path) -> list[dict]:
    """The twelve answers of the quant, as a user's script may hold them."""
    scores = by_item(WORDS / "words_q4.csv", "task", "result")
    return [
        {"task": item, "right": bool(score), "said": f"of {item}", "metrics": {"acc": score}}
        for item, score in scores.items()
    ]


def stored(warehouse: Path, path: Path, maps: dict, *more: object) -> set[tuple]:
    """What comes of a file: item, attempt and score of each sample, read off the store."""
    done = generic(warehouse, [path], maps, "q4", "--cohort", "c", *more)
    assert done.exit_code == 0, done.stderr
    run = f"run_id={done.stdout.split()[0]}"
    samples, prompts = (
        pl.read_parquet(warehouse / "raw" / table / run / "part.parquet", hive_partitioning=False)
        for table in ("samples", "prompts")
    )
    joined = samples.join(prompts, on="prompt_id")
    return set(joined.select("item", "attempt", "score").rows())


def shapes(rows: list[dict]) -> dict[str, object]:
    """The same rows in every form of JSON."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return {
        "a list": rows,
        "an object": {row["task"]: {k: v for k, v in row.items() if k != "task"} for row in rows},
        "lists by key": {row["task"]: [row] for row in rows},
        "deep": {"id": "run", "totals": {"right": 9}, "run": {"cases": rows}},
        "columns": columns,
        "pandas": {
            name: {str(i): v for i, v in enumerate(cells)} for name, cells in columns.items()
        },
        "split": {"columns": list(columns), "data": [list(row.values()) for row in rows]},
    }


@pytest.mark.parametrize("shape", shapes([{"task": "a", "right": 1}]))
@pytest.mark.parametrize("score", ["right", "metrics.acc"])
def test_json_of_any_form(tmp_path, answers, shape, score):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(shapes(answers)[shape], indent=2))
    maps = {"score": score} | ({} if shape == "an object" else {"item": "task"})
    assert stored(tmp_path / "w", path, maps) == {
        (row["task"], 0, float(row["right"])) for row in answers
    }


def test_rows_in_two_places_are_told_apart_by_the_user(tmp_path, answers):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps({"first": answers, "second": answers[:3]}))
    maps = {"item": "task", "score": "right"}
    flat = generic(tmp_path / "w", [path], maps, "q4", "--cohort", "c")
    refused(flat, ExitCode.BAD_INPUT, "3 of 12 prompts have several rows")
    assert len(stored(tmp_path / "w", path, maps | {"records": "second"})) == 3


def test_files_of_seeds_are_attempts_and_files_of_subjects_are_categories(tmp_path, answers):
    folder = tmp_path / "runs"
    folder.mkdir()
    for seed in range(2):
        pl.DataFrame(answers).drop("metrics").write_csv(folder / f"seed{seed}.csv")
    maps = {"item": "task", "score": "right"}
    more = ("--benchmark-id", "b", "--cohort", "c")
    plain = generic(tmp_path / "w", [folder], maps, "q4", *more)
    refused(plain, ExitCode.BAD_INPUT, "12 of 12 prompts have several rows", "in several files")
    done = generic(tmp_path / "w", [folder], maps, "q4", *more, "--rows", "attempts")
    assert "24 samples of 12 prompts" in done.stdout
    done = generic(tmp_path / "w", [folder], maps | {"category": "@file"}, "other", *more)
    assert "24 samples of 24 prompts" in done.stdout


def test_a_file_of_two_models_is_refused_and_one_can_be_chosen(tmp_path, answers):
    path = tmp_path / "answers.jsonl"
    rows = [row | {"model": model} for model in ("m-q4", "m-q8") for row in answers]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    maps = {"item": "task", "score": "right"}
    done = generic(tmp_path / "w", [path], maps, "q4", "--cohort", "c", "--rows", "last")
    refused(done, ExitCode.BAD_INPUT, "they are of 2 models: m-q4, m-q8", "where=model=m-q4")
    assert len(stored(tmp_path / "w", path, maps | {"where": "model=m-q8"})) == 12


def test_auto_leads_to_a_command_that_reads_the_file(tmp_path, answers):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps({"run": {"cases": answers}}))
    options = ("--cohort", "c", "--quant-id", "q", "--warehouse", tmp_path / "w")
    advised = qwh("ingest", "auto", path, *options)
    refused(advised, ExitCode.BAD_INPUT, "task, right, said, metrics.acc", "qwh ingest generic")
    assert len(stored(tmp_path / "w", path, {"item": "task", "score": "right"})) == 12
    path.write_text('{"accuracy": 0.75}')
    useless = qwh("ingest", "auto", path, *options)
    refused(useless, ExitCode.BAD_INPUT, "cannot tell what")
    assert "ingest generic" not in useless.stderr
