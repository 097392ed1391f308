"""Readers of benchmark harnesses: files that the harnesses themselves made are read exactly."""

import hashlib
import json
import math
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness_files import (
    CHOICES,
    DETAILS,
    EVALPLUS,
    FIXTURES,
    HELM,
    INSPECT,
    LIGHTEVAL,
    LIGHTEVAL_RESULTS,
    LIVECODEBENCH,
    LM_EVAL,
    QUESTIONS,
    READERS,
    RESULTS,
    archive,
    members,
    one,
    read,
)

from qwh.errors import ExitCode, QwhError
from qwh.ingest.readers import evalplus, helm, inspect_ai, lighteval, livecodebench, lm_eval
from qwh.ingest.readers.port import BadFile, Sample, text_id


def scores(rows: list[Sample]) -> dict[tuple[str, int], float]:
    return {(row.item, row.attempt): row.score for row in rows}


def refused(reader, path: Path, *words: str, **picks: str) -> None:
    """A one-line error with the file's name and these words."""
    with pytest.raises(BadFile) as error:
        read(reader, path, **picks)
    assert error.value.code == ExitCode.BAD_INPUT and "\n" not in str(error.value)
    for word in (path.name, *words):
        assert word in str(error.value), str(error.value)


def test_every_file_is_recognised_by_its_reader_alone():
    owners = {
        QUESTIONS: lm_eval,
        CHOICES: lm_eval,
        RESULTS: lm_eval,
        LM_EVAL: lm_eval,
        LM_EVAL.parent: lm_eval,
        LIVECODEBENCH: livecodebench,
        EVALPLUS: evalplus,
        **dict.fromkeys(sorted(INSPECT.iterdir()), inspect_ai),
        **dict.fromkeys(DETAILS, lighteval),
        LIGHTEVAL: lighteval,
        HELM / "per_instance_stats.json": helm,
        HELM: helm,
    }
    for path, owner in owners.items():
        head = path.read_bytes()[:65536] if path.is_file() else b""
        assert [reader for reader in READERS.values() if reader.recognises(path, head)] == [
            owner
        ], path
    for path in (FIXTURES / "README.md", FIXTURES / "remake.py", FIXTURES):
        assert not any(
            reader.recognises(path, path.read_bytes()[:65536] if path.is_file() else b"")
            for reader in READERS.values()
        ), path


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
    assert found["tiny_questions"].left_out == {"a file of an earlier run": 1} and found[
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
    refused(lm_eval, tmp_path / CHOICES.name, "acc_norm", metric="acc")


def test_livecodebench(tmp_path):
    samples, rows = one(livecodebench, LIVECODEBENCH)
    assert (
        samples.benchmark_id == "livecodebench"
        and samples.model_name == "Stand-In-7B"
        and samples.left_out == {"a problem that occurs again": 1}
    )
    assert samples.harness == {
        "harness": "livecodebench",
        "scenario": "codegeneration",
        "temperature": 0.2,
        "chain_of_thought": False,
        "first_contest": "2023-05-13",
        "last_contest": "2023-07-13",
    }
    assert scores(rows) == {
        ("abc301_a", 0): 1,
        ("abc301_a", 1): 1,
        ("2808", 0): 0,
        ("2808", 1): 1,
        ("1883_B", 0): 0,
        ("1883_B", 1): 0,
    }
    assert (
        rows[0].category == "easy"
        and rows[1].answer == "print(1)"
        and rows[2].prompt.endswith("pass")
        and len({row.prompt_id for row in rows}) == 3
    )
    path = tmp_path / "codegeneration_2_0.2_eval.json"
    path.write_text(
        json.dumps(
            [{"pass@1": 0.5, "detail": {"pass@1": {"0": 0.5}}}, {"0": [[True], [-2]]}, [["{}"]]]
        )
    )
    assert livecodebench.recognises(path, path.read_bytes())
    refused(livecodebench, path, "codegeneration_2_0.2_eval_all.json")


def test_livecodebench_repair_and_test_prediction(tmp_path):
    problem = {"question_id": "a", "question_content": "Sum.", "graded_list": [True, False]}
    path = tmp_path / "selfrepair_2_0.2_eval_all.json"
    path.write_text(json.dumps([problem | {"original_code_list": ["x", "y"]}]))
    # each attempt was shown other code
    assert len({row.prompt_id for row in one(livecodebench, path)[1]}) == 2
    path.write_text(
        json.dumps([problem | {"test_id": 0, "pred_list": ["1", "2"]}, problem | {"test_id": 1}])
    )
    samples, rows = one(livecodebench, path)
    assert (
        {row.item for row in rows} == {"a/0", "a/1"}
        and len({row.prompt_id for row in rows}) == 2
        and rows[0].answer == "1"
        and not samples.left_out
    )


def test_evalplus(tmp_path):
    samples, rows = one(evalplus, EVALPLUS)
    assert (
        samples.benchmark_id == "humaneval+"
        and samples.model_name == "mock--coder"
        and samples.facts["backend"] == "hf"
    )
    assert (
        samples.harness["tests"] == "plus"
        and samples.harness["temperature"] == 0.2
        and len(samples.harness["data_set_hash"]) == 32
    )
    assert (
        [row.score for row in rows] == [1, 0, 1, 0, 0, 1]
        and [row.attempt for row in rows] == [0, 1] * 3
        and rows[0].answer.startswith("def double")
    )
    samples, rows = one(evalplus, EVALPLUS, tests="base")
    assert samples.benchmark_id == "humaneval" and [row.score for row in rows] == [1, 0, 1, 1, 1, 1]
    refused(evalplus, EVALPLUS, "plus, base", tests="extra")
    found = json.loads(EVALPLUS.read_text())
    for solutions in found["eval"].values():
        for solution in solutions:
            solution["plus_status"] = None
    (
        found["eval"]["HumanEval/1"][0]["base_status"],
        found["eval"]["HumanEval/2"][0]["base_status"],
    ) = ("timeout", "eaten")
    path = tmp_path / "m_vllm_temp_0.0.eval_results.json"
    path.write_text(json.dumps(found))
    samples, rows = one(evalplus, path)
    assert (
        samples.harness["tests"] == "base"
        and samples.model_name == "m"
        and [row.score for row in rows] == [1, 0, 0, 1, 1]
        and rows[2].finish_reason == "timeout"
    )
    assert samples.left_out == {"a status that is not pass, fail or timeout": 1}
    refused(evalplus, path, "choose one of base", tests="plus")


def test_inspect_logs_agree():
    (whole, rows), (deflated, rows_deflated), (plain, rows_plain) = (
        one(inspect_ai, INSPECT / name) for name in ("whole.eval", "deflated.eval", "plain.json")
    )
    assert scores(rows) == {
        (f"q{index}", epoch): float(index not in (2, 4)) for index in range(6) for epoch in range(2)
    }
    assert (
        rows == rows_deflated
        and scores(rows) == scores(rows_plain)
        and whole.harness == deflated.harness == plain.harness
    )
    assert (
        whole.benchmark_id == "capitals"
        and whole.model_name == "mockllm/model"
        and whole.partial is None
        and whole.left_out == {}
    )
    assert (
        whole.harness["epochs"] == 2
        and whole.harness["scorer"] == "match"
        and whole.harness["solvers"] == ["system_message", "generate"]
        and whole.harness["generate"] == {"temperature": 0.0}
    )
    assert (
        rows[0].answer == "Paris"
        and rows[0].expected == "Paris"
        and rows[0].answer_tokens == 5
        and rows[0].prompt_id == rows[6].prompt_id
    )
    assert [row.prompt_id for row in rows[:3]] == [row.prompt_id for row in rows_plain[:3]]


def test_inspect_reads_the_sample_where_the_summary_is_cut():
    rows = {row.item: row for row in one(inspect_ai, INSPECT / "whole.eval")[1]}
    assert rows["q3"].prompt == "Capital of Peru?" + " Think." * 900 and rows[
        "q3"
    ].prompt_id == text_id(json.dumps([rows["q3"].prompt, None]))


def test_inspect_crashed_run():
    samples, rows = one(inspect_ai, INSPECT / "crashed.eval")
    assert (
        len(rows) == 11
        and samples.partial
        == "the run crashed or was still going on: the log has no header; 11 of 12 samples"
    )
    assert samples.harness == one(inspect_ai, INSPECT / "whole.eval")[0].harness and (
        "q5",
        1,
    ) not in scores(rows)


def test_inspect_picks():
    samples, rows = one(inspect_ai, INSPECT / "whole.eval", scorer="length")
    assert samples.harness["metric"] == "short" and [row.score for row in rows[:4]] == [0, 1, 0, 1]
    assert [
        row.score
        for row in one(inspect_ai, INSPECT / "whole.eval", scorer="length", metric="letters")[1][:3]
    ] == [5, 4, 5]
    refused(inspect_ai, INSPECT / "whole.eval", "match, length", scorer="judge")
    refused(inspect_ai, INSPECT / "whole.eval", "short, letters", scorer="length", metric="long")
    refused(inspect_ai, INSPECT / "whole.eval", "value", metric="short")


def test_inspect_reads_frames_newer_samples_and_messages(tmp_path):
    files = members(INSPECT / "whole.eval")
    path = tmp_path / "frames.eval"
    path.write_bytes(archive(files))
    assert one(inspect_ai, path)[1] == one(inspect_ai, INSPECT / "whole.eval")[1]
    summaries = json.loads(files["summaries.json"])
    for summary in summaries:
        summary["input"] = [
            {"id": f"random{summary['epoch']}", "role": "user", "content": summary["input"]}
        ]
    files["summaries.json"] = json.dumps(
        summaries
        + [
            summaries[0] | {"scores": {"match": {"value": 0.25}}},
            summaries[1] | {"scores": {"match": {"value": math.nan}}},
        ]
    ).encode()
    path.write_bytes(archive(files))
    samples, rows = one(inspect_ai, path)
    assert (
        samples.left_out == {"a sample that was run again": 2, "no finite score from match": 1}
        and scores(rows)["q0", 0] == 0.25
    )
    # random ids of messages are not part of the prompt
    assert rows[0].prompt == "user: Capital of France?" and rows[0].prompt_id == rows[5].prompt_id


def test_inspect_leaves_out_prompts_that_are_not_whole(tmp_path):
    files = members(INSPECT / "whole.eval")
    del files["samples/q3_epoch_1.json"]
    (tmp_path / "a.eval").write_bytes(archive(files))
    samples, rows = one(inspect_ai, tmp_path / "a.eval")
    assert samples.left_out == {"its prompt is not kept whole": 1} and len(rows) == 11


def test_lighteval():
    (choices, rows_choices), (questions, rows_questions) = read(lighteval, LIGHTEVAL)
    assert choices.benchmark_id == "tiny_choices" and choices.model_name == "mock/stand-in"
    assert (
        choices.harness.items()
        >= {
            "metric": "acc",
            "num_fewshot": 0,
            "version": 1,
            "generation": {"temperature": 0},
        }.items()
    )
    results = json.loads(LIGHTEVAL_RESULTS.read_text())["results"]
    assert (
        sum(row.score for row in rows_choices) / 6 == results["tiny_choices|0"]["acc"]
        and sum(row.score for row in rows_questions) / 6 == results["tiny_questions|0"]["em"]
    )
    row = {row.item: row for row in rows_questions}["1"]
    assert (row.score, row.prompt, row.expected, row.answer, row.answer_tokens) == (
        1.0,
        "Capital of Italy?",
        "Rome",
        "Rome",
        1,
    )
    assert (
        json.loads(rows_choices[0].answer) == [0.0, -0.5, -1.0]
        and len({row.prompt_id for row in rows_choices + rows_questions}) == 12
    )


def test_lighteval_both_namings_and_bare_nan(tmp_path):
    table = pq.read_table(DETAILS[0])
    path = tmp_path / "out" / DETAILS[0].relative_to(LIGHTEVAL)
    path.parent.mkdir(parents=True)
    pq.write_table(
        table.rename_columns([f"__{name}__" for name in table.column_names]), path, row_group_size=2
    )
    results = tmp_path / "out" / LIGHTEVAL_RESULTS.relative_to(LIGHTEVAL)
    results.parent.mkdir(parents=True)
    results.write_text(LIGHTEVAL_RESULTS.read_text().replace("0.22360679774997896", "NaN"))
    samples, rows = one(lighteval, tmp_path / "out")
    original, original_rows = one(lighteval, DETAILS[0])
    assert rows == original_rows and samples.harness == original.harness
    refused(lighteval, path, "choose one of acc", metric="em")
    scores = table.column("metric").combine_chunks().field(0).to_pylist()
    hurt = pa.StructArray.from_arrays(
        [pa.array([math.nan, math.inf, None, *map(float, scores[3:])])], names=["acc"]
    )
    pq.write_table(table.set_column(table.column_names.index("metric"), "metric", hurt), path)
    samples, rows = one(lighteval, path)
    assert len(rows) == 3 and samples.left_out == {"its acc is not a finite number": 3}


def test_helm(tmp_path):
    samples, rows = one(helm, FIXTURES / "helm")
    assert (
        samples.benchmark_id == "simple_mcqa"
        and samples.model_name == "simple/model1"
        and samples.harness["metric"] == "exact_match"
    )
    assert (
        "model" not in samples.harness["adapter_spec"]
        and samples.harness["adapter_spec"]["max_train_instances"] == 5
        and samples.facts["prompt_id"] == "requests"
    )
    assert (
        len(rows) == 6
        and rows[0].item == "id60"
        and rows[0].prompt.endswith("Is 70 even or odd?\nA. Even\nB. Odd\nAnswer:")
        and rows[0].expected == '["Even"]'
        and rows[0].answer == "Answer:"
    )
    assert {row.score for row in one(helm, HELM, metric="num_references")[1]} == {2.0}
    refused(helm, HELM / "per_instance_stats.json", "exact_match, quasi_exact_match", metric="bleu")
    other = tmp_path / "simple_mcqa:model=other"
    other.mkdir()
    shutil.copy(HELM / "per_instance_stats.json", other)
    samples, alone = one(helm, other)
    assert (
        samples.model_name == "other"
        and samples.benchmark_id == "simple_mcqa"
        and scores(alone) == scores(rows)
        and len({row.prompt_id for row in alone}) == 6
    )
    assert samples.harness["metric"] == "exact_match" and samples.facts["prompt_id"] == "settings"


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_missing_and_unusable_paths(tmp_path, reader):
    with pytest.raises(QwhError) as error:
        read(reader, tmp_path / "none.json")
    assert error.value.code == ExitCode.NOT_FOUND
    refused(reader, tmp_path)
    refused(reader, Path("/dev/null"), "neither a file nor a folder")
