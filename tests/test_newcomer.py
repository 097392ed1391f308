"""A newcomer's day: CONTRIBUTING.md's recipes, done as printed in a copy of the house, work from
the command line. A reader, an engine and an export format are one new file and one line each, a
statistic is a kernel with its declaration, a line, and a model with its YAML.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import recipes
from conftest import query
from house import HOUSE

BESIDE = ("tests", "benchmarks", "typing", "results", "build", ".*", "__pycache__", "*.egg-info")
TEXT = b"the cat sat on the mat and the dog sat on the log. " * 40


def test_what_the_page_names_is_there():
    words = re.sub(r"^```.*?^```", "", recipes.PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    named = re.findall(r"`([\w./*]+/[\w./*]*)`", words)
    assert len(named) > 20 and [path for path in named if not list(HOUSE.glob(path))] == []
    for path, name in re.findall(r"`(\S+\.py)`: a line in `(\w+)`", words):
        assert re.search(rf"^{name}\b", (HOUSE / path).read_text(), re.MULTILINE), name


@pytest.fixture
def copy(tmp_path) -> Path:
    """The product, alone in a folder that Python can import it from."""
    return shutil.copytree(HOUSE, tmp_path / "qwh", ignore=shutil.ignore_patterns(*BESIDE))


def add(copy: Path, title: str) -> None:
    """Follow a recipe to the letter."""
    files = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    new = {addition.path for addition in recipes.recipes()[title] if not addition.registry}
    assert len(new) == (3 if title == "A statistic" else 1)
    for addition in recipes.recipes()[title]:
        path = copy / addition.path
        if addition.registry:
            text = path.read_text()
            opening = re.search(rf"^{addition.registry}\b.*[({{].*\n", text, re.MULTILINE)
            assert opening, f"{addition.path} has no {addition.registry}"
            path.write_text(text[: opening.end()] + addition.code + text[opening.end() :])
        else:
            assert not path.exists()
            path.write_text(addition.code)
    after = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert {path.relative_to(copy).as_posix() for path in after.keys() - files.keys()} == new
    assert [path.name for path in files if after[path] != files[path]] == ["registry.py"]


def run(copy: Path, *arguments: object) -> str:
    """What the copy's command line prints."""
    code = "from qwh.cli import app; app()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *map(str, arguments)],
        cwd=copy.parent,
        env=os.environ | {"PYTHONPATH": str(copy.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["tally", "auto"])
def test_a_reader(copy, kind):
    add(copy, "A reader")
    marks = copy.parent / "marks.txt"
    marks.write_text("# tally sums\n1 + 1\tright\n2 + 2\twrong\n")
    whose = ["--cohort", "c", "--quant-id", "q", "--warehouse", copy.parent / "w"]
    assert "q  sums  complete" in run(copy, "ingest", kind, marks, *whose)
    assert "a tally of right and wrong" in run(copy, "ingest", "--help")


def test_an_export_format(copy, warehouse):
    add(copy, "An export format")
    to = ["-o", copy.parent / "out", "--warehouse", warehouse]
    run(copy, "export", "dim_cohorts", "--format", "jsonl", *to)
    assert (copy.parent / "out").read_text().startswith('{"cohort_id":"tiny"')


def test_an_engine(copy):
    add(copy, "An engine")
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(256, 256)).astype(np.float32)
    np.save(copy.parent / "full.npy", logits)
    np.save(copy.parent / "half.npy", logits.astype(np.float16).astype(np.float32))
    (copy.parent / "text.txt").write_bytes(TEXT)
    printed = run(
        copy, "ingest", "gguf", "--reference", "full.npy", "--quant", "half.npy", "--corpus",
        "text.txt", "--context-length", 64, "--chunks", 4, "--cohort", "c", "--warehouse", "w",
    )  # fmt: skip
    assert "half" in printed


def test_a_statistic(copy, warehouse):
    add(copy, "A statistic")
    own = shutil.copytree(warehouse, copy.parent / "w")
    run(copy, "build", "--select", "stat_worst_benchmarks", "--warehouse", own)
    columns = "scoring, quant_id, benchmark_id"
    told = query(own, f"select {columns}, loss from stat_worst_benchmarks order by all")
    lost = query(own, f"select {columns}, score_ref - score from fct_disagreements")
    margins = dict(query(own, "select scoring, margin from dim_scorings"))
    beyond = {(*cell, round(loss, 9)) for *cell, loss in lost if loss > margins[cell[0]]}
    assert {(*names, round(loss, 9)) for *names, loss in told if loss is not None} == beyond
    assert len(told) == len(lost) and beyond  # this benchmark is the only one
