"""What an import is asked, and what it says at once: choices per benchmark, folders of any tool,
what does not meet the reference, rows that two columns name.
"""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from conftest import qwh

from qwh.errors import ExitCode
from qwh.ingest.readers.picks import of_task
from qwh.raw.store import Store

HARNESS = Path(__file__).parent / "fixtures" / "harness"
LM_EVAL = HARNESS / "lm-eval" / "dummy__one"
BOARD = """\
| Quantization | imatrix | PPL | KLD |
|---|---|---|---|
| f16 | None | 6.233160 ± 0.037828 | - |
| q4_K_M | WT 10m | 6.382937 ± 0.038806 | 0.028152 ± 0.000185 |
| q4_K_M | None | 6.407115 ± 0.039119 | 0.031273 ± 0.000238 |
"""


def ingest(folder: Path, kind: str, path: Path, *more: str):
    into = ("--cohort", "c", "--warehouse", folder / "w")
    return qwh("ingest", kind, path, *into, *more)


def metrics(folder: Path) -> dict[str | None, str]:
    return {
        run.benchmark_id: json.loads(run.facts or "{}")["metric"]
        for run in Store(folder / "w").runs()
    }


def test_a_choice_of_one_task_leaves_the_others_as_they_are():
    picks = {"metric": "acc", "a|b:5:metric": "f1", "other:filter": "x"}
    assert of_task(picks, "a|b:5") == {"metric": "f1"}
    assert of_task(picks, "other") == {"metric": "acc", "filter": "x"}
    assert of_task(picks, "a") == {"metric": "acc"}


def test_a_metric_is_picked_for_one_benchmark_of_a_folder(tmp_path):
    name = ("--quant-id", "q")
    done = ingest(tmp_path, "lm-eval", LM_EVAL, *name, "--pick", "tiny_choices:metric=acc_norm")
    assert done.exit_code == 0, done.stderr
    assert metrics(tmp_path) == {"tiny_choices": "acc_norm", "tiny_questions": "exact_match"}
    assert "score: acc_norm (there are also acc)" in done.stdout
    assert "score: exact_match" in done.stdout


def test_a_choice_of_no_benchmark_that_is_there_is_refused(tmp_path):
    for pick, code, words in (
        (
            "tiny:metric=acc",
            ExitCode.NOT_FOUND,
            "no benchmark tiny in these files: there are",
        ),
        ("tiny_choices:metrik=acc", ExitCode.USAGE, "no such choice: it has filter, metric"),
    ):
        done = ingest(tmp_path, "lm-eval", LM_EVAL, "--quant-id", "q", "--pick", pick)
        assert done.exit_code == code and words in done.stderr
    lacking = ingest(
        tmp_path, "lm-eval", LM_EVAL, "--quant-id", "q", "--pick", "tiny_questions:metric=acc"
    )
    assert lacking.exit_code == 0
    assert "tiny_questions is not taken: it has no metric acc: it has exact_match" in lacking.stderr


def test_a_file_that_was_renamed_says_no_benchmark_until_it_is_told(tmp_path):
    [source] = LM_EVAL.glob("samples_tiny_choices_*.jsonl")
    plain, packed = tmp_path / "renamed.jsonl", tmp_path / "packed.jsonl.gz"
    plain.write_bytes(source.read_bytes())
    packed.write_bytes(gzip.compress(source.read_bytes()))
    for path in (plain, packed):
        done = ingest(tmp_path, "lm-eval", path, "--quant-id", "q")
        assert done.exit_code == ExitCode.USAGE and "--benchmark-id" in done.stderr
    named = ("--quant-id", "q", "--benchmark-id", "tiny_choices")
    assert ingest(tmp_path, "lm-eval", packed, *named).exit_code == 0
    again = ingest(tmp_path, "lm-eval", plain, *named)
    assert again.exit_code == 0 and "already in the warehouse" in again.stderr


@pytest.mark.parametrize(
    ("tool", "benchmark"),
    [("evalplus", "humaneval+"), ("livecodebench", "livecodebench"), ("inspect", "capitals")],
)
def test_auto_knows_the_folders_of_a_tool(tmp_path, tool, benchmark):
    done = ingest(tmp_path, "auto", HARNESS / tool, "--quant-id", "q")
    assert done.exit_code == 0, done.stderr
    assert [run.benchmark_id for run in Store(tmp_path / "w").runs()] == [benchmark]


def test_one_log_is_not_brought_in_as_two_quants(tmp_path):
    log = HARNESS / "inspect" / "whole.eval"
    assert ingest(tmp_path, "inspect", log, "--quant-id", "a").exit_code == 0
    other = ingest(tmp_path, "inspect", log, "--quant-id", "b")
    assert other.exit_code == ExitCode.MISMATCH
    assert "whole.eval was brought in as a (run " in other.stderr
    assert "qwh runs rename a b --cohort c" in other.stderr
    run_id = Store(tmp_path / "w").runs()[0].run_id
    qwh("runs", "retract", run_id, "--why", "not a's", "--warehouse", tmp_path / "w")
    assert ingest(tmp_path, "inspect", log, "--quant-id", "b").exit_code == 0


def test_prompts_that_a_quant_lacks_are_told(tmp_path):
    assert (
        ingest(tmp_path, "lm-eval", LM_EVAL, "--quant-id", "f16", "--is-reference").exit_code == 0
    )
    half = tmp_path / "half"
    shutil.copytree(LM_EVAL, half)
    for path in half.glob("samples_*.jsonl"):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    results = next(half.glob("results_*.json"))
    told = json.loads(results.read_text())
    told["n-shot"]["tiny_questions"] = 5
    results.write_text(json.dumps(told))
    done = ingest(tmp_path, "lm-eval", half, "--quant-id", "q")
    assert done.exit_code == 0, done.stderr
    assert "4 of the reference's 6 prompts on tiny_choices have no answer of q" in done.stderr
    assert "num_fewshot is 1 there, 5 here" in done.stderr


def test_two_columns_may_name_the_rows_of_a_table(tmp_path):
    board = tmp_path / "board.md"
    board.write_text(BOARD)
    about = ("--corpus-id", "wiki")
    refused = ingest(tmp_path, "table", board, *about)
    assert refused.exit_code == ExitCode.BAD_INPUT and "--pick name=imatrix" in refused.stderr
    done = ingest(tmp_path, "table", board, *about, "--pick", "name=imatrix")
    assert done.exit_code == 0, done.stderr
    store = Store(tmp_path / "w")
    found = {
        run.quant_id: {row["metric"]: row["value"] for row in store.rows("summaries", run.run_id)}
        for run in store.runs()
    }
    assert found.keys() == {"f16", "q4_K_M WT 10m", "q4_K_M"}
    assert found["q4_K_M WT 10m"]["kld_mean"] == 0.028152
    assert found["q4_K_M"]["kld_mean"] == 0.031273
    (tmp_path / "yes.csv").write_text("Quant,imatrix,PPL\nq,no,6\nq,yes,5\n")
    done = ingest(tmp_path, "table", tmp_path / "yes.csv", "--pick", "name=imatrix")
    assert done.exit_code == 0, done.stderr
    assert {run.quant_id for run in store.runs()} >= {"q", "q imatrix"}
    other = ingest(tmp_path, "table", board, *about, "--pick", "name=nothing")
    assert other.exit_code == ExitCode.BAD_INPUT
    assert "no column nothing: it has Quantization, imatrix, PPL, KLD" in other.stderr
