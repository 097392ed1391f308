"""What a cohort file chooses of other tools' files: picks, a map, a benchmark's name."""

import json
from pathlib import Path

import pytest
from conftest import qwh
from harness_cases import CASES, lines, only

from qwh.database import build
from qwh.errors import ExitCode
from qwh.raw.store import Store

LM_EVAL = """
cohort = "c"
[[imports]]
kind = "lm-eval"
path = "out/{quant}"
reference = "f16"
"""
GENERIC = """
cohort = "c"
[[imports]]
kind = "generic"
path = "{quant}.csv"
reference = "f16"
benchmark = "tasks"
map = { item = "task", score = "passed" }
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """A folder of one's own, and no build."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build, "build", lambda *_, **__: build.Built({}, {}, 0, 0, 0, 0.0))
    monkeypatch.setattr("qwh.commands.overview.overview", lambda *_: "the screen")
    (like,) = lines(only(CASES / "16-mmlu-as-many-benchmarks/q4", "samples_mmlu_law*"))[:1]
    for name, right in {"f16": 4, "q4": 2}.items():
        folder = tmp_path / "out" / name
        folder.mkdir(parents=True)
        written = [
            like
            | {"metrics": ["acc", "acc_norm"], "doc_id": doc}
            | {"acc": float(doc < right), "acc_norm": float(doc < right - 1)}
            for doc in range(6)
        ]
        (folder / "samples_t_2026-03-01T10-00-00.000001.jsonl").write_text(
            "".join(f"{json.dumps(line)}\n" for line in written)
        )
        rows = "".join(f"t{k},{int(k < right)},{int(k < right - 1)}\n" for k in range(6))
        (tmp_path / f"{name}.csv").write_text("task,passed,strict\n" + rows)
    return tmp_path


def run(text: str) -> str:
    """What `qwh run` says of a cohort file; nothing is missing then."""
    Path("qwh.toml").write_text(text)
    done = qwh("run")
    assert done.exit_code == ExitCode.OK, done.stderr
    assert qwh("run", "--dry-run").stdout == "cohort c: nothing is missing\n"
    return done.stderr


def means(benchmark: str) -> dict[str, float]:
    """Name -> mean score, of the runs that are kept: one for each name."""
    store, found = Store(Path("warehouse")), dict[str, float]()
    for each in store.runs():
        assert each.quant_id not in found and each.corpus_id == benchmark
        scores = [row["score"] for row in store.rows("samples", each.run_id, "score")]
        found[str(each.quant_id)] = sum(scores) / len(scores)
    return found


def test_a_metric_is_picked_and_picked_again():
    run(LM_EVAL)
    usual = means("t")
    assert usual == {"f16": 4 / 6, "q4": 2 / 6}
    said = run(LM_EVAL + 'picks = { metric = "acc_norm" }')
    assert means("t") == {"f16": 3 / 6, "q4": 1 / 6}
    assert "retracted, other choices are made of its file: q4: " in said
    said = run(LM_EVAL + 'picks = { "t:metric" = "acc" }')
    assert means("t") == usual and "was retracted, and is back" in said
    assert "already in the warehouse" in run(LM_EVAL) and means("t") == usual


def test_a_table_of_ones_own_has_its_map_in_the_cohort_file():
    run(GENERIC)
    assert means("tasks") == {"f16": 4 / 6, "q4": 2 / 6}
    run(GENERIC.replace('"passed"', '"strict"'))
    assert means("tasks") == {"f16": 3 / 6, "q4": 1 / 6}
    run(GENERIC.replace('"tasks"', '"others"'))
    assert means("others") == {"f16": 4 / 6, "q4": 2 / 6}


def test_a_choice_that_is_not_there_is_one_line_and_nothing_is_stored():
    Path("qwh.toml").write_text(LM_EVAL + 'picks = { metric = "accuracy" }')
    done = qwh("run")
    assert done.exit_code != ExitCode.OK and done.stderr.splitlines()[-1].startswith("qwh: ")
    assert "accuracy" in done.stderr and not Store(Path("warehouse")).runs()
    run(LM_EVAL)
    before = means("t")
    Path("qwh.toml").write_text(LM_EVAL + 'picks = { metric = "accuracy" }')
    assert qwh("run").exit_code == ExitCode.BAD_INPUT and means("t") == before
