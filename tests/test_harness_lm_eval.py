"""lm-evaluation-harness: the files that it wrote itself are read exactly."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from harness_files import (
    CHOICES,
    FIXTURES,
    LM_EVAL,
    QUESTIONS,
    RESULTS,
    one,
    read,
    refused,
    scores,
)

from qwh.ingest.readers import lm_eval
from qwh.ingest.readers.port import text_id


def test_lm_eval_questions():
    samples, rows = one(lm_eval, QUESTIONS)
    assert (
        samples.benchmark_id == "tiny_questions"
        and samples.model_name == "dummy/one"
        and samples.partial is None
        and samples.left_out == {}
    )
    facts = {
        "filter": "strict",
        "metric": "exact_match",
        "num_fewshot": 1,
        "task_version": 2.0,
        "output_type": "generate_until",
        "chat_template_sha": None,
    }
    assert (
        samples.harness.items() >= facts.items()
        and samples.harness["generation_kwargs"]["max_gen_toks"] == 8
    )
    assert samples.facts["lm_eval_version"] == "0.4.13" and samples.facts["model_args"] == {
        "pretrained": "dummy/one"
    }
    # the model says lol, which half of the documents expect
    assert scores(rows) == {(str(doc), 0): float(doc % 2 == 0) for doc in range(6)}
    assert (
        rows[1].prompt.endswith("Q: Capital of Italy?\nA:")
        and rows[1].expected == "Rome"
        and rows[1].answer == "lol"
    )
    line = json.loads(QUESTIONS.read_text().splitlines()[0])
    assert line["prompt_hash"] == hashlib.sha256(rows[0].prompt.encode()).hexdigest()
    assert (
        rows[0].prompt_id == text_id(line["prompt_hash"], line["doc_hash"])
        and len({row.prompt_id for row in rows}) == 6
    )


def test_lm_eval_picks():
    samples, rows = one(lm_eval, QUESTIONS, filter="loose")
    assert (
        samples.harness["filter"] == "loose"
        and {row.score for row in rows} == {0.0}
        and rows[0].answer == "o"
    )
    samples, rows = one(lm_eval, CHOICES, metric="acc_norm")
    assert samples.harness["metric"] == "acc_norm" and len(json.loads(rows[0].answer)) == 3
    totals = json.loads(RESULTS.read_text())["results"]["tiny_choices"]
    assert sum(row.score for row in rows) / 6 == pytest.approx(totals["acc_norm,none"])
    assert sum(row.score for row in one(lm_eval, CHOICES)[1]) / 6 == pytest.approx(
        totals["acc,none"]
    )
    refused(lm_eval, QUESTIONS, "strict, loose", filter="none")
    refused(lm_eval, CHOICES, "acc, acc_norm", metric="f1")


def test_lm_eval_folder_and_results_file_find_the_samples(tmp_path):
    for path in (FIXTURES / "lm-eval", LM_EVAL, RESULTS):
        assert [samples.benchmark_id for samples, _ in read(lm_eval, path)] == [
            "tiny_choices",
            "tiny_questions",
        ]
    shutil.copytree(LM_EVAL, tmp_path / "out")
    shutil.copy(
        QUESTIONS, tmp_path / "out" / "samples_tiny_questions_2020-01-01T00-00-00.000001.jsonl"
    )
    found = {samples.benchmark_id: samples for samples, _ in read(lm_eval, tmp_path)}
    assert found["tiny_questions"].left_out == {"a file of another run": 1} and found[
        "tiny_questions"
    ].facts["date_id"].startswith("2026")
    refused(lm_eval, FIXTURES / "helm", "--log_samples")


def rewrite(path: Path, *changes, keep=slice(None)) -> Path:
    """The questions' samples file at path, each line's object through every change."""
    lines = [json.loads(line) for line in QUESTIONS.read_text().splitlines()]
    for change in changes:
        for line in lines:
            change(line)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines[keep]))
    return path


def test_lm_eval_appended_runs(tmp_path):
    path = tmp_path / QUESTIONS.name
    second = rewrite(tmp_path / "second", lambda line: line.update(exact_match=0.25)).read_text()
    path.write_text(QUESTIONS.read_text() + second)
    samples, rows = one(lm_eval, path)
    assert (
        {row.score for row in rows} == {0.25}
        and len(rows) == 6
        and samples.left_out == {"a line of another run": 6}
        and samples.partial is None
    )
    # the second run was cut off: the first one counts
    path.write_text(QUESTIONS.read_text() + "".join(second.splitlines(True)[:4]))
    samples, rows = one(lm_eval, path)
    assert {row.score for row in rows} == {0.0, 1.0} and samples.left_out == {
        "a line of another run": 4
    }
    lines = QUESTIONS.read_text().splitlines(True)[:6]
    path.write_text("".join(lines[:4] + second.splitlines(True)[2:6]))
    samples, rows = one(lm_eval, path)
    assert (
        scores(rows)
        == {
            ("0", 0): 1.0,
            ("1", 0): 0.0,
            **{(str(doc), 0): 0.25 for doc in range(2, 6)},
        }
        and "none of the runs" in samples.partial
    )


def test_lm_eval_order_does_not_matter(tmp_path):
    path = tmp_path / QUESTIONS.name
    lines = QUESTIONS.read_text().splitlines(True)
    path.write_text("".join(lines[::2] + lines[1::2]))
    assert sorted(one(lm_eval, path)[1]) == sorted(one(lm_eval, QUESTIONS)[1])


def test_lm_eval_older_files_give_the_same_ids(tmp_path):
    def older(line):
        for key in ("doc_hash", "prompt_hash", "target_hash", "metrics"):
            del line[key]
        line["arguments"] = [list(line["arguments"]["gen_args_0"].values())]

    samples, rows = one(lm_eval, rewrite(tmp_path / "one_tiny_questions.jsonl", older))
    assert (
        rows == one(lm_eval, QUESTIONS)[1]
        and samples.harness["metric"] == "exact_match"
        and samples.harness["num_fewshot"] is None
    )


def test_lm_eval_cut_short(tmp_path):
    path = tmp_path / QUESTIONS.name
    whole = QUESTIONS.read_bytes()
    path.write_bytes(whole[:-30])
    samples, rows = one(lm_eval, path, filter="loose")
    assert len(rows) == 5 and "line, 12, is cut off" in samples.partial
    shutil.copy(RESULTS, tmp_path)
    path.write_bytes(b"".join(whole.splitlines(True)[:4]))
    assert one(lm_eval, path)[0].partial == "4 of 6 documents"
    path.write_bytes(whole[:100])
    refused(lm_eval, path, "line 1")
    path.write_bytes(whole.replace(b'"doc_id": 3', b'"doc_id": }', 1))
    refused(lm_eval, path, "line 4")


def test_lm_eval_scores_that_are_no_numbers(tmp_path):
    path = rewrite(tmp_path / QUESTIONS.name)
    values = iter(["NaN", "Infinity", '"1.0"', "[1.0, 2]", "true", "null"])
    path.write_text(
        "".join(
            line.replace('"exact_match": 1.0', '"exact_match": 0.0').replace(
                '"exact_match": 0.0', f'"exact_match": {next(values, 0)}'
            )
            + "\n"
            for line in path.read_text().splitlines()
        )
    )
    samples, rows = one(lm_eval, path)
    assert scores(rows) == {("4", 0): 1.0} and samples.left_out == {
        "its exact_match is not a finite number": 5
    }


def test_lm_eval_metric_that_falls_with_quality_is_not_taken(tmp_path):
    shutil.copy(CHOICES, tmp_path)
    results = json.loads(RESULTS.read_text())
    results["higher_is_better"]["tiny_choices"]["acc"] = False
    (tmp_path / RESULTS.name).write_text(json.dumps(results))
    assert one(lm_eval, tmp_path / CHOICES.name)[0].harness["metric"] == "acc_norm"
    # asked for by name it is given, with what it is: the import needs a word for it
    samples, _ = one(lm_eval, tmp_path / CHOICES.name, metric="acc")
    assert samples.metric == "acc" and samples.smaller_is_better is True
