"""The same answers in a table of any form, turned and reworded: the same samples or a refusal."""

import csv
import io
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qwh.errors import QwhError
from qwh.ingest.readers import generic
from qwh.ingest.readers.cell_scores import Grades
from qwh.ingest.readers.dotted import ABSENT, along, text

ITEMS = ["France", "0", "3.5", "a,b", 'say "x"', "two\nlines", "Perú", "4", "; |", "null"]
WORDS = {  # how a table may say right and wrong
    "numbers": (1, 0),
    "floats": (1.0, 0.0),
    "texts": ("1", "0"),
    "truths": (True, False),
    "pass": ("pass", "FAIL"),
    "passed": ("Passed", "failed"),
    "resolved": ("resolved", "unresolved"),
    "yes": ("yes", "No"),
    "letters": ("C", "I"),
    "marks": ("[PASS] well done", "[FAIL] Expected\n---\nOslo"),
    "lists": ([1], [0]),
    "percent": ("100%", "0 %"),
    "ticks": ("✅", "❌"),
    "comma": ("1,0", "0,0"),
    "unclear": ("accepted", "timeout"),
    "grades": ("A", "F"),
}


def as_csv(rows: list[dict], delimiter: str) -> bytes:
    file = io.StringIO()
    names = list(rows[0])
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(names)
    writer.writerows([[row[name] for name in names] for row in rows])
    return file.getvalue().encode("utf-8-sig")


def as_parquet(rows: list[dict], folder: Path) -> bytes:
    path = folder / "whole.parquet"
    pl.DataFrame(rows, strict=False, infer_schema_length=None).write_parquet(path)
    return path.read_bytes()


FORMS = {  # form -> the file's ending and its bytes
    "comma": lambda rows, folder: (".csv", as_csv(rows, ",")),
    "semicolon": lambda rows, folder: (".csv", as_csv(rows, ";")),
    "tab": lambda rows, folder: (".tsv", as_csv(rows, "\t")),
    "parquet": lambda rows, folder: (".parquet", as_parquet(rows, folder)),
    "lines": lambda rows, folder: (
        ".jsonl",
        "".join(json.dumps(row) + "\n" for row in rows).encode(),
    ),
    "lines in json": lambda rows, folder: (
        ".json",
        "".join(json.dumps(row) + "\n" for row in rows).encode(),
    ),
    "list": lambda rows, folder: (".json", json.dumps(rows, indent=1).encode()),
    "list in lines": lambda rows, folder: (".jsonl", json.dumps(rows).encode()),
    "object": lambda rows, folder: (
        ".json",
        json.dumps({row["the task"]: row for row in rows}).encode(),
    ),
    "columns": lambda rows, folder: (
        ".json",
        json.dumps({name: [row[name] for row in rows] for name in rows[0]}).encode(),
    ),
}
EXTRA = {"more": [1, 2], "score_of_another": 0.3, "model": "m", "note": "x,y;z\t|", "empty": None}


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    right=st.lists(st.booleans(), min_size=2, max_size=len(ITEMS)),
    written=st.tuples(st.sampled_from(sorted(FORMS)), st.sampled_from(sorted(WORDS))),
    order=st.permutations(["the task", "score", *EXTRA]),
    kept=st.sets(st.sampled_from(sorted(EXTRA))),
    damage=st.sampled_from([None, None, "cut", "longer", "maybe", "twice", "missing"]),
)
def test_the_same_answers_are_the_same_samples(tmp_path, right, written, order, kept, damage):
    form, words = written
    answers = list(zip(ITEMS, right))
    names = [name for name in order if name in kept or name not in EXTRA]
    rows = [
        {
            name: {"the task": item, "score": WORDS[words][not passed], **EXTRA}[name]
            for name in names
        }
        for item, passed in answers
    ]
    if damage == "maybe":
        rows[-1]["score"] = "maybe" if isinstance(rows[-1]["score"], str) else rows[-1]["score"]
    if damage == "missing":
        rows[-1]["score"] = None
    if damage == "twice":
        rows.append(rows[0])
    ending, raw = FORMS[form](rows, tmp_path)
    if damage == "cut":
        raw = raw[: -len(raw) // 3]
    if damage == "longer" and ending == ".csv":
        raw = raw.rstrip() + b",more,;more;\n"
    path = tmp_path / f"answers{ending}"
    path.write_bytes(raw)
    try:
        [found] = generic.read(path, {"item": "the task", "score": "score"})
        samples = [(sample.item, sample.score) for sample in found.rows]
    except QwhError:
        assert damage or words in ("unclear", "grades")
        return
    wanted = [(item, float(passed)) for item, passed in answers]
    if damage == "cut":  # the last line of a table may end anywhere
        assert samples[:-1] == wanted[: len(samples[:-1])]
    elif damage == "missing":
        assert samples == wanted[:-1] and found.left_out
    else:
        assert samples == wanted


@pytest.mark.parametrize(
    "cell",
    ["maybe", "timeout", "error", "1/2", "1,000", "A", {"acc": 1}, [1, 0], "[1, 0]", "0.5 s"],
)
def test_a_cell_that_says_nothing_is_shown(cell):
    grades = Grades({})
    with pytest.raises(ValueError, match="is no score"):
        grades.look(cell)
        grades.settle()


def test_letters_are_grades_only_where_a_column_holds_nothing_else():
    for cells, scores in ((("C", "I", "P", "N"), [1, 0, 0.5, 0]), (("T", "F"), [1, 0])):
        grades = Grades({})
        assert all(grades.look(cell) for cell in cells)
        grades.settle()
        assert [grades.read(cell) for cell in cells] == scores
    for cells in (("C", "I", "B"), ("C", "1"), ("P",), ("P", "F")):
        grades = Grades({})
        for cell in cells:
            grades.look(cell)
        with pytest.raises(ValueError, match="is no score"):
            grades.settle()


def test_the_users_words():
    grades = Grades({"right": "Accepted,AC", "wrong": "timeout", "none": "skipped"})
    cells = ("accepted", "ac", "TIMEOUT", "skipped", "pass", float("nan"), None)
    assert [grades.read(cell) for cell in cells] == [1.0, 1.0, 0.0, None, 1.0, None, None]


def test_dotted_paths():
    row = {"a": {"b": {"c": 1}}, "a.b": 2, "l": [{"x": 3}], "m": [4, 5], "j": '{"k": [6]}'}
    paths = {"a.b": 2, "a.b.c": 1, "l.x": 3, "l.0.x": 3, "m.1": 5, "j.k": [6], "j.k.0": 6}
    assert {path: along(row, path) for path in paths} == paths
    assert all(along(row, path) is ABSENT for path in ("b", "a.c", "m.2", "m.x", "j.k.1", "l.x.y"))


def test_a_name_is_the_same_text_in_every_form():
    assert [text(value) for value in (1, 1.0, True, "", None, {"b": 1, "a": "é"})] == [
        "1",
        "1",
        "true",
        None,
        None,
        '{"a": "é", "b": 1}',
    ]
