"""A newcomer's day: CONTRIBUTING.md's recipes for a reader, an engine and an export format, done as
printed in a copy of the house, work from the command line. Each is one new file and one line.
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
    for addition in recipes.recipes()[title]:
        path = copy / addition.path
        if addition.registry:
            text = path.read_text()
            opening = re.search(rf"^{addition.registry}\b.*{{.*\n", text, re.MULTILINE)
            assert opening, f"{addition.path} has no {addition.registry}"
            path.write_text(text[: opening.end()] + addition.code + text[opening.end() :])
        else:
            assert not path.exists()
            path.write_text(addition.code)
    after = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    new = after.keys() - files.keys()
    changed = [path.name for path in files if after[path] != files[path]]
    assert len(new) == 1 and changed == ["registry.py"]


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
