"""Readers of benchmark harnesses: files made by the harnesses themselves, read exactly; damaged ones, refused in one line."""

import hashlib
import io
import json
import math
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qwh.ingest.errors import ExitCode, QwhError
from qwh.ingest.readers import evalplus, helm, inspect_ai, lighteval, livecodebench, lm_eval, safely
from qwh.ingest.readers.contents import BadFile, Sample, Samples

FIXTURES = Path(__file__).parent / "fixtures" / "harness"
LM_EVAL = FIXTURES / "lm-eval" / "dummy__one"
QUESTIONS, CHOICES = sorted(LM_EVAL.glob("samples_*.jsonl"))[::-1]
INSPECT = FIXTURES / "inspect"
EVALPLUS = next((FIXTURES / "evalplus").glob("*.json"))
LIVECODEBENCH = next((FIXTURES / "livecodebench").rglob("*_eval_all.json"))
HELM = next((FIXTURES / "helm").glob("simple_mcqa*"))
DETAILS = sorted((FIXTURES / "lighteval").rglob("*.parquet"))
READERS = (lm_eval, livecodebench, evalplus, inspect_ai, lighteval, helm)


def read(reader, path: Path, **picks: str) -> list[tuple[Samples, list[Sample]]]:
    """Everything at path, rows read to the end."""
    return [(samples, list(samples.rows)) for samples in reader.read(path, picks)]


def one(reader, path: Path, **picks: str) -> tuple[Samples, list[Sample]]:
    (found,) = read(reader, path, **picks)
    return found


def scores(rows: list[Sample]) -> dict[tuple[str, int], float]:
    return {(row.item, row.attempt): row.score for row in rows}


def refused(reader, path: Path, *words: str, **picks: str) -> None:
    """A one-line error with the file's name and these words."""
    with pytest.raises(BadFile) as error:
        read(reader, path, **picks)
    assert error.value.code == ExitCode.BAD_INPUT and "\n" not in str(error.value)
    for word in (path.name, *words):
        assert word in str(error.value), str(error.value)


# --- what the harnesses wrote ---


def test_every_file_is_recognised_by_its_reader_alone():
    owners = {
        QUESTIONS: lm_eval, CHOICES: lm_eval, next(LM_EVAL.glob("results*")): lm_eval, LM_EVAL: lm_eval, LM_EVAL.parent: lm_eval,
        LIVECODEBENCH: livecodebench, EVALPLUS: evalplus, **dict.fromkeys(sorted(INSPECT.iterdir()), inspect_ai),
        **dict.fromkeys(DETAILS, lighteval), FIXTURES / "lighteval": lighteval, HELM / "per_instance_stats.json": helm, HELM: helm,
    }
    for path, owner in owners.items():
        head = path.read_bytes()[:65536] if path.is_file() else b""
        assert [reader.KIND for reader in READERS if reader.recognises(path, head)] == [owner.KIND], path
    for path in (FIXTURES / "README.md", FIXTURES / "remake.py", FIXTURES):
        assert not any(reader.recognises(path, path.read_bytes()[:65536] if path.is_file() else b"") for reader in READERS), path
    assert [reader.KIND for reader in READERS] == ["lm-eval", "livecodebench", "evalplus", "inspect", "lighteval", "helm"]


def test_lm_eval_questions():
    samples, rows = one(lm_eval, QUESTIONS)
    assert samples.benchmark_id == "tiny_questions" and samples.model_name == "dummy/one" and samples.partial is None and samples.left_out == {}
    facts = {"filter": "strict", "metric": "exact_match", "num_fewshot": 1, "task_version": 2.0, "output_type": "generate_until", "chat_template_sha": None}
    assert samples.harness.items() >= facts.items() and samples.harness["generation_kwargs"]["max_gen_toks"] == 8
    assert samples.facts["lm_eval_version"] == "0.4.13" and samples.facts["model_args"] == {"pretrained": "dummy/one"}
    assert scores(rows) == {(str(doc), 0): float(doc % 2 == 0) for doc in range(6)}  # the model says lol, which half of the documents expect
    assert rows[1].prompt.endswith("Q: Capital of Italy?\nA:") and rows[1].expected == "Rome" and rows[1].answer == "lol"
    line = json.loads(QUESTIONS.read_text().splitlines()[0])
    assert line["prompt_hash"] == hashlib.sha256(rows[0].prompt.encode()).hexdigest()
    assert rows[0].prompt_id == safely.text_id(line["prompt_hash"], line["doc_hash"]) and len({row.prompt_id for row in rows}) == 6


def test_lm_eval_picks():
    samples, rows = one(lm_eval, QUESTIONS, filter="loose")
    assert samples.harness["filter"] == "loose" and {row.score for row in rows} == {0.0} and rows[0].answer == "o"
    samples, rows = one(lm_eval, CHOICES, metric="acc_norm")
    assert samples.harness["metric"] == "acc_norm" and len(json.loads(rows[0].answer)) == 3
    totals = json.loads(next(LM_EVAL.glob("results*")).read_text())["results"]["tiny_choices"]
    assert sum(row.score for row in rows) / 6 == pytest.approx(totals["acc_norm,none"])
    assert sum(row.score for row in one(lm_eval, CHOICES)[1]) / 6 == pytest.approx(totals["acc,none"])
    refused(lm_eval, QUESTIONS, "strict, loose", filter="none")
    refused(lm_eval, CHOICES, "acc, acc_norm", metric="f1")


def test_lm_eval_folder_and_results_file_find_the_samples(tmp_path):
    for path in (FIXTURES / "lm-eval", LM_EVAL, next(LM_EVAL.glob("results*"))):
        assert [samples.benchmark_id for samples, _ in read(lm_eval, path)] == ["tiny_choices", "tiny_questions"]
    shutil.copytree(LM_EVAL, tmp_path / "out")
    shutil.copy(QUESTIONS, tmp_path / "out" / "samples_tiny_questions_2020-01-01T00-00-00.000001.jsonl")
    found = {samples.benchmark_id: samples for samples, _ in read(lm_eval, tmp_path)}
    assert found["tiny_questions"].left_out == {"a file of an earlier run": 1} and found["tiny_questions"].facts["date_id"].startswith("2026")
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
    assert {row.score for row in rows} == {0.25} and len(rows) == 6 and samples.left_out == {"a line of an earlier run": 6} and samples.partial is None
    path.write_text(QUESTIONS.read_text() + "".join(second.splitlines(True)[:4]))  # the second run was cut off: the first one counts
    samples, rows = one(lm_eval, path)
    assert {row.score for row in rows} == {0.0, 1.0} and samples.left_out == {"a line of an earlier run": 4}
    lines = QUESTIONS.read_text().splitlines(True)[:6]
    path.write_text("".join(lines[:4] + second.splitlines(True)[2:6]))
    samples, rows = one(lm_eval, path)
    assert scores(rows) == {("0", 0): 1.0, ("1", 0): 0.0, **{(str(doc), 0): 0.25 for doc in range(2, 6)}} and "none of the runs" in samples.partial


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
    assert rows == one(lm_eval, QUESTIONS)[1] and samples.harness["metric"] == "exact_match" and samples.harness["num_fewshot"] is None


def test_lm_eval_cut_short(tmp_path):
    path = tmp_path / QUESTIONS.name
    whole = QUESTIONS.read_bytes()
    path.write_bytes(whole[:-30])
    samples, rows = one(lm_eval, path, filter="loose")
    assert len(rows) == 5 and "line, 12, is cut off" in samples.partial
    shutil.copy(next(LM_EVAL.glob("results*")), tmp_path)
    path.write_bytes(b"".join(whole.splitlines(True)[:4]))
    assert one(lm_eval, path)[0].partial == "4 of 6 documents"
    path.write_bytes(whole[:100])
    refused(lm_eval, path, "line 1")
    path.write_bytes(whole.replace(b'"doc_id": 3', b'"doc_id": }', 1))
    refused(lm_eval, path, "line 4")


def test_lm_eval_scores_that_are_no_numbers(tmp_path):
    path = rewrite(tmp_path / QUESTIONS.name)
    values = iter(["NaN", "Infinity", '"1.0"', "[1.0, 2]", "true", "null"])
    path.write_text("".join(line.replace('"exact_match": 1.0', '"exact_match": 0.0').replace('"exact_match": 0.0', f'"exact_match": {next(values, 0)}') + "\n" for line in path.read_text().splitlines()))
    samples, rows = one(lm_eval, path)
    assert scores(rows) == {("4", 0): 1.0} and samples.left_out == {"its exact_match is not a finite number": 5}


def test_lm_eval_metric_that_falls_with_quality_is_not_taken(tmp_path):
    shutil.copy(CHOICES, tmp_path)
    results = json.loads(next(LM_EVAL.glob("results*")).read_text())
    results["higher_is_better"]["tiny_choices"]["acc"] = False
    (tmp_path / next(LM_EVAL.glob("results*")).name).write_text(json.dumps(results))
    assert one(lm_eval, tmp_path / CHOICES.name)[0].harness["metric"] == "acc_norm"
    refused(lm_eval, tmp_path / CHOICES.name, "acc_norm", metric="acc")


def test_livecodebench(tmp_path):
    samples, rows = one(livecodebench, LIVECODEBENCH)
    assert samples.benchmark_id == "livecodebench" and samples.model_name == "Stand-In-7B" and samples.left_out == {"a problem that occurs again": 1}
    assert samples.harness == {"harness": "livecodebench", "scenario": "codegeneration", "temperature": 0.2, "chain_of_thought": False, "first_contest": "2023-05-13", "last_contest": "2023-07-13"}
    assert scores(rows) == {("abc301_a", 0): 1, ("abc301_a", 1): 1, ("2808", 0): 0, ("2808", 1): 1, ("1883_B", 0): 0, ("1883_B", 1): 0}
    assert rows[0].category == "easy" and rows[1].answer == "print(1)" and rows[2].prompt.endswith("pass") and len({row.prompt_id for row in rows}) == 3
    path = tmp_path / "codegeneration_2_0.2_eval.json"
    path.write_text(json.dumps([{"pass@1": 0.5, "detail": {"pass@1": {"0": 0.5}}}, {"0": [[True], [-2]]}, [["{}"]]]))
    assert livecodebench.recognises(path, path.read_bytes())
    refused(livecodebench, path, "codegeneration_2_0.2_eval_all.json")


def test_livecodebench_repair_and_test_prediction(tmp_path):
    problem = {"question_id": "a", "question_content": "Sum.", "graded_list": [True, False]}
    path = tmp_path / "selfrepair_2_0.2_eval_all.json"
    path.write_text(json.dumps([problem | {"original_code_list": ["x", "y"]}]))
    assert len({row.prompt_id for row in one(livecodebench, path)[1]}) == 2  # each attempt was shown other code
    path.write_text(json.dumps([problem | {"test_id": 0, "pred_list": ["1", "2"]}, problem | {"test_id": 1}]))
    samples, rows = one(livecodebench, path)
    assert {row.item for row in rows} == {"a/0", "a/1"} and len({row.prompt_id for row in rows}) == 2 and rows[0].answer == "1" and not samples.left_out


def test_evalplus(tmp_path):
    samples, rows = one(evalplus, EVALPLUS)
    assert samples.benchmark_id == "humaneval+" and samples.model_name == "mock--coder" and samples.facts["backend"] == "hf"
    assert samples.harness["tests"] == "plus" and samples.harness["temperature"] == 0.2 and len(samples.harness["data_set_hash"]) == 32
    assert [row.score for row in rows] == [1, 0, 1, 0, 0, 1] and [row.attempt for row in rows] == [0, 1] * 3 and rows[0].answer.startswith("def double")
    samples, rows = one(evalplus, EVALPLUS, tests="base")
    assert samples.benchmark_id == "humaneval" and [row.score for row in rows] == [1, 0, 1, 1, 1, 1]
    refused(evalplus, EVALPLUS, "plus, base", tests="extra")
    found = json.loads(EVALPLUS.read_text())
    for solutions in found["eval"].values():
        for solution in solutions:
            solution["plus_status"] = None
    found["eval"]["HumanEval/1"][0]["base_status"], found["eval"]["HumanEval/2"][0]["base_status"] = "timeout", "eaten"
    path = tmp_path / "m_vllm_temp_0.0.eval_results.json"
    path.write_text(json.dumps(found))
    samples, rows = one(evalplus, path)
    assert samples.harness["tests"] == "base" and samples.model_name == "m" and [row.score for row in rows] == [1, 0, 0, 1, 1] and rows[2].finish_reason == "timeout"
    assert samples.left_out == {"a status that is not pass, fail or timeout": 1}
    refused(evalplus, path, "choose one of base", tests="plus")


def test_inspect_logs_agree():
    (whole, rows), (deflated, rows_deflated), (plain, rows_plain) = (one(inspect_ai, INSPECT / name) for name in ("whole.eval", "deflated.eval", "plain.json"))
    assert scores(rows) == {(f"q{index}", epoch): float(index not in (2, 4)) for index in range(6) for epoch in range(2)}
    assert rows == rows_deflated and scores(rows) == scores(rows_plain) and whole.harness == deflated.harness == plain.harness
    assert whole.benchmark_id == "capitals" and whole.model_name == "mockllm/model" and whole.partial is None and whole.left_out == {}
    assert whole.harness["epochs"] == 2 and whole.harness["scorer"] == "match" and whole.harness["solvers"] == ["system_message", "generate"] and whole.harness["generate"] == {"temperature": 0.0}
    assert rows[0].answer == "Paris" and rows[0].expected == "Paris" and rows[0].answer_tokens == 5 and rows[0].prompt_id == rows[6].prompt_id
    assert [row.prompt_id for row in rows[:3]] == [row.prompt_id for row in rows_plain[:3]]


def test_inspect_reads_the_sample_where_the_summary_is_cut():
    rows = {row.item: row for row in one(inspect_ai, INSPECT / "whole.eval")[1]}
    assert rows["q3"].prompt == "Capital of Peru?" + " Think." * 900 and rows["q3"].prompt_id == safely.text_id(json.dumps([rows["q3"].prompt, None]))


def test_inspect_crashed_run():
    samples, rows = one(inspect_ai, INSPECT / "crashed.eval")
    assert len(rows) == 11 and samples.partial == "the run crashed or was still going on: the log has no header; 11 of 12 samples"
    assert samples.harness == one(inspect_ai, INSPECT / "whole.eval")[0].harness and ("q5", 1) not in scores(rows)


def test_inspect_picks():
    samples, rows = one(inspect_ai, INSPECT / "whole.eval", scorer="length")
    assert samples.harness["metric"] == "short" and [row.score for row in rows[:4]] == [0, 1, 0, 1]
    assert [row.score for row in one(inspect_ai, INSPECT / "whole.eval", scorer="length", metric="letters")[1][:3]] == [5, 4, 5]
    refused(inspect_ai, INSPECT / "whole.eval", "match, length", scorer="judge")
    refused(inspect_ai, INSPECT / "whole.eval", "short, letters", scorer="length", metric="long")
    refused(inspect_ai, INSPECT / "whole.eval", "value", metric="short")


def members(path: Path) -> dict[str, bytes]:
    archive = safely.Zip(path)
    found = {name: archive.read(name) for name in archive.names}
    archive.close()
    return found


def frames(data: bytes) -> bytes:
    """data as three zstd frames."""
    third = len(data) // 3 + 1
    return b"".join(zstandard.ZstdCompressor().compress(data[start : start + third]) for start in range(0, 3 * third, third))


def archive(files: dict[str, bytes], packed=frames, method: int = 93, **claims: int) -> bytes:
    """A zip file, written by hand so that it can lie. claims: file_size, crc, flags, name_length, packed_size in the table."""
    body, table = b"", b""
    for name, data in files.items():
        squeezed, raw_name = packed(data), name.encode()
        crc, size = claims.get("crc", zlib.crc32(data)), claims.get("file_size", len(data))
        common = struct.pack("<HHHHHIIIHH", 20, claims.get("flags", 0), method, 0, 33, crc, claims.get("packed_size", len(squeezed)), size, claims.get("name_length", len(raw_name)), 0)
        table += b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + raw_name
        body += b"PK\3\4" + common + raw_name + squeezed
    return body + table + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(files), len(files), claims.get("table_size", len(table)), len(body), 0)


def test_inspect_reads_frames_newer_samples_and_messages(tmp_path):
    files = members(INSPECT / "whole.eval")
    path = tmp_path / "frames.eval"
    path.write_bytes(archive(files))
    assert one(inspect_ai, path)[1] == one(inspect_ai, INSPECT / "whole.eval")[1]
    summaries = json.loads(files["summaries.json"])
    for summary in summaries:
        summary["input"] = [{"id": f"random{summary['epoch']}", "role": "user", "content": summary["input"]}]
    files["summaries.json"] = json.dumps(summaries + [summaries[0] | {"scores": {"match": {"value": 0.25}}}, summaries[1] | {"scores": {"match": {"value": math.nan}}}]).encode()
    path.write_bytes(archive(files))
    samples, rows = one(inspect_ai, path)
    assert samples.left_out == {"a sample that was run again": 2, "no finite score from match": 1} and scores(rows)["q0", 0] == 0.25
    assert rows[0].prompt == "user: Capital of France?" and rows[0].prompt_id == rows[5].prompt_id  # random ids of messages are not part of the prompt


def test_inspect_leaves_out_prompts_that_are_not_whole(tmp_path):
    files = members(INSPECT / "whole.eval")
    del files["samples/q3_epoch_1.json"]
    (tmp_path / "a.eval").write_bytes(archive(files))
    samples, rows = one(inspect_ai, tmp_path / "a.eval")
    assert samples.left_out == {"its prompt is not kept whole": 1} and len(rows) == 11


def test_lighteval():
    (choices, rows_choices), (questions, rows_questions) = read(lighteval, FIXTURES / "lighteval")
    assert choices.benchmark_id == "tiny_choices" and choices.model_name == "mock/stand-in"
    assert choices.harness.items() >= {"metric": "acc", "num_fewshot": 0, "version": 1, "generation": {"temperature": 0}}.items()
    results = json.loads(next((FIXTURES / "lighteval").rglob("results_*")).read_text())["results"]
    assert sum(row.score for row in rows_choices) / 6 == results["tiny_choices|0"]["acc"] and sum(row.score for row in rows_questions) / 6 == results["tiny_questions|0"]["em"]
    row = {row.item: row for row in rows_questions}["1"]
    assert (row.score, row.prompt, row.expected, row.answer, row.answer_tokens) == (1.0, "Capital of Italy?", "Rome", "Rome", 1)
    assert json.loads(rows_choices[0].answer) == [0.0, -0.5, -1.0] and len({row.prompt_id for row in rows_choices + rows_questions}) == 12


def test_lighteval_both_namings_and_bare_nan(tmp_path):
    table = pq.read_table(DETAILS[0])
    path = tmp_path / "out" / DETAILS[0].relative_to(FIXTURES / "lighteval")
    path.parent.mkdir(parents=True)
    pq.write_table(table.rename_columns([f"__{name}__" for name in table.column_names]), path, row_group_size=2)
    results = tmp_path / "out" / next((FIXTURES / "lighteval").rglob("results_*")).relative_to(FIXTURES / "lighteval")
    results.parent.mkdir(parents=True)
    results.write_text(next((FIXTURES / "lighteval").rglob("results_*")).read_text().replace("0.22360679774997896", "NaN"))
    samples, rows = one(lighteval, tmp_path / "out")
    original, original_rows = one(lighteval, DETAILS[0])
    assert rows == original_rows and samples.harness == original.harness
    refused(lighteval, path, "choose one of acc", metric="em")
    scores = table.column("metric").combine_chunks().field(0).to_pylist()
    hurt = pa.StructArray.from_arrays([pa.array([math.nan, math.inf, None, *map(float, scores[3:])])], names=["acc"])
    pq.write_table(table.set_column(table.column_names.index("metric"), "metric", hurt), path)
    samples, rows = one(lighteval, path)
    assert len(rows) == 3 and samples.left_out == {"its acc is not a finite number": 3}


def test_helm(tmp_path):
    samples, rows = one(helm, FIXTURES / "helm")
    assert samples.benchmark_id == "simple_mcqa" and samples.model_name == "simple/model1" and samples.harness["metric"] == "exact_match"
    assert "model" not in samples.harness["adapter_spec"] and samples.harness["adapter_spec"]["max_train_instances"] == 5 and samples.facts["prompt_id"] == "requests"
    assert len(rows) == 6 and rows[0].item == "id60" and rows[0].prompt.endswith("Is 70 even or odd?\nA. Even\nB. Odd\nAnswer:") and rows[0].expected == '["Even"]' and rows[0].answer == "Answer:"
    assert {row.score for row in one(helm, HELM, metric="num_references")[1]} == {2.0}
    refused(helm, HELM / "per_instance_stats.json", "exact_match, quasi_exact_match", metric="bleu")
    other = tmp_path / "simple_mcqa:model=other"
    other.mkdir()
    shutil.copy(HELM / "per_instance_stats.json", other)
    samples, alone = one(helm, other)
    assert samples.model_name == "other" and samples.benchmark_id == "simple_mcqa" and scores(alone) == scores(rows) and len({row.prompt_id for row in alone}) == 6
    assert samples.harness["metric"] == "exact_match" and samples.facts["prompt_id"] == "settings"


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.KIND)
def test_missing_and_unusable_paths(tmp_path, reader):
    with pytest.raises(QwhError) as error:
        read(reader, tmp_path / "none.json")
    assert error.value.code == ExitCode.NOT_FOUND
    refused(reader, tmp_path)
    refused(reader, Path("/dev/null"), "neither a file nor a folder")


# --- damaged files ---

WRONG = [None, "x", "", -1, 1e308, 10**30, [], {}, True, [[]], {"value": {}}, [None], ["\u0000"]]
BOMB = 100_000
HOSTILE = [
    b"", b" ", b"\n\n\n", b"{", b"[", b"null", b"[]", b"{}", b'""', b"0", b"NaN", b"[NaN]", b"\xff\xfe[\x00", b"\xef\xbb\xbf[]", b"\x00" * 5000,
    b"[" * BOMB, b"{" * BOMB, b'{"a":' * BOMB, b"[" * BOMB + b"]" * BOMB, b'{"doc_id":' + b"[" * BOMB, b'[{"question_id":' * BOMB, b'"' * 9999, b"\\" * 9999, b"9" * 100_000, b'[{"x":1e999999}]', b"PK\3\4", b"PAR1", b"PAR1PAR1",
]


def json_damage(whole: bytes, rng: np.random.Generator, lines: bool = False) -> Iterator[bytes]:
    """Copies of a JSON (Lines) file: cut at structural boundaries, bits flipped, values of other types, bare NaN, repeated and left-out parts."""
    boundaries = [at for at, byte in enumerate(whole) if byte in b'{}[]:,"\n']
    yield from (whole[: boundaries[at]] for at in rng.choice(len(boundaries), 60, replace=False))
    for _ in range(60):
        hurt = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 4)):
            hurt[at] ^= 1 << rng.integers(0, 8)
        yield bytes(hurt)
    objects = [json.loads(line) for line in whole.splitlines()] if lines else [json.loads(whole)]
    for _ in range(70):
        copy = json.loads(json.dumps(objects))
        places = list(places_of(copy))
        holder, key = places[rng.integers(0, len(places))]
        action = rng.integers(0, 4)
        if action == 0 and isinstance(holder, dict):
            del holder[key]
        elif action == 1 and isinstance(holder, list):
            holder += [holder[key]] * 3
        else:
            holder[key] = ([math.nan, math.inf, -math.inf] + WRONG)[rng.integers(0, 3 + len(WRONG))]
        yield "\n".join(map(json.dumps, copy)).encode() if lines else json.dumps(copy[0] if copy else None).encode()
    for literal in (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-" + b"9" * 5000, b'"\\ud800"', b'"\xff"', b"[" * 5000 + b"]" * 5000):
        for number in (b"1.0", b"0.0", b"1", b"0", b"true", b"null", b'"C"', b'"pass"'):
            if number in whole:
                yield whole.replace(number, literal, 1)
    yield from (whole + whole, whole * 2 + b"\n", whole[::-1], whole.replace(b'"', b"'"), whole.replace(b" ", b"\x00"), whole.decode().encode("utf-16"), whole + b"\x00", b"\n" + whole, b"\r\n".join(whole.splitlines()))


def places_of(found: object) -> Iterator[tuple]:
    """Every (holder, key) in a tree of lists and dicts."""
    for key, value in found.items() if isinstance(found, dict) else enumerate(found):
        yield found, key
        if isinstance(value, (dict, list)):
            yield from places_of(value)


def zip_damage(path: Path, rng: np.random.Generator) -> Iterator[bytes]:
    """Copies of a log: the file's bytes hurt, its members' JSON hurt, and zip files that lie."""
    whole, files = path.read_bytes(), members(path)
    marks = [at for mark in (b"PK\1\2", b"PK\3\4", b"PK\5\6") for at in range(len(whole)) if whole.startswith(mark, at)]
    for at in marks:
        yield from (whole[:at], whole[: at + 4], whole[: at + 20])
    for _ in range(60):
        hurt = bytearray(whole)
        near = marks[rng.integers(0, len(marks))] + 46 if rng.integers(0, 2) else len(whole)
        for at in rng.integers(max(0, near - 46), near, 2) if near < len(whole) else rng.integers(0, len(whole), 3):
            hurt[at] ^= 1 << rng.integers(0, 8)
        yield bytes(hurt)
    for name in ("header.json", "summaries.json", "_journal/start.json", "_journal/summaries/1.json"):
        if name in files:
            small = {key: value for key, value in files.items() if not key.startswith("samples/") or "q3" in key}
            yield from (archive(small | {name: data}) for data in [*list(json_damage(files[name], rng))[::4], *HOSTILE])
    kept = {key: files[key] for key in files if key in ("header.json", "summaries.json", "_journal/start.json")}
    stored = {"packed": bytes, "method": 0}
    for claims in ({"file_size": 2**32 - 2}, {"file_size": 2**31}, {"file_size": 0}, {"file_size": 3}, {"crc": 7}, {"flags": 1}, {"flags": 8}, {"name_length": 65535}, {"packed_size": 2**32 - 2}, {"packed_size": 0}, {"table_size": 2**31}, {"table_size": 0}, {"method": 12}, {"method": 8}, {"method": 0}):
        yield archive(kept, **claims)
        yield archive(kept, **(stored | claims))
    for name in ("../../escape.json", "/etc/passwd", "..\\..\\escape", "samples/../../header.json", "C:\\x", "a" * 60_000, "\x00", "samples/", "_journal/summaries/../1.json", "_journal/summaries/²x.json", "_journal/summaries/².json"):
        yield archive(kept | {name: b"[]"})
        yield archive({name: b"{}"})
    yield from bombs(kept)


def bombs(kept: dict[str, bytes]) -> Iterator[bytes]:
    """Members that unpack to 1 GiB: declared, or declared as small, in zstd and deflate; and a frame that asks for a huge window."""
    zeros = zstandard.ZstdCompressor().compress(bytes(1 << 24)) * 64
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = b"".join(squeezer.compress(bytes(1 << 24)) for _ in range(16)) + squeezer.flush()
    for name in ("header.json", "summaries.json"):
        for size in (1 << 30, 1 << 28, 1 << 20, 10):
            yield archive(kept | {name: b"{}"}, packed=lambda data: zeros, file_size=size)
            yield archive(kept | {name: b"{}"}, packed=lambda data: deflated, method=8, file_size=size)
    wide = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=False)).compressobj()
    yield archive(kept, packed=lambda data: wide.compress(data) + wide.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))


def parquet_damage(path: Path, rng: np.random.Generator) -> Iterator[bytes]:
    """Copies of a details file: cut, bits flipped in pages and footer, columns of other types, missing or repeated."""
    whole, table = path.read_bytes(), pq.read_table(path)
    yield from (whole[:at] for at in (*range(0, 12), *rng.integers(0, len(whole), 40), *range(len(whole) - 12, len(whole))))
    for _ in range(90):
        hurt = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 6)):
            hurt[at] ^= 1 << rng.integers(0, 8)
        yield bytes(hurt)
    for length in (0, 1, 2**31 - 1, 2**32 - 1):
        yield whole[:-8] + struct.pack("<I", length) + b"PAR1"
    rows = table.to_pylist()
    for _ in range(60):
        copy = json.loads(json.dumps(rows))
        name = ("doc", "metric", "model_response")[rng.integers(0, 3)]
        fields = list(copy[0][name])
        field, value, action = fields[rng.integers(0, len(fields))], WRONG[rng.integers(0, len(WRONG))], rng.integers(0, 4)
        for row in copy:
            if action == 0:
                row[name].pop(field)
            elif action == 1:
                row[name] = value
            else:
                row[name][field] = value
        try:
            yield written(pa.Table.from_pylist(copy))
        except (pa.ArrowException, OverflowError, NotImplementedError):
            yield written(table.drop_columns([name]))
    yield from (written(table.drop_columns([name])) for name in table.column_names)
    long = pa.Table.from_pylist([{**rows[0], "doc": rows[0]["doc"] | {"query": "x" * 20_000_000}}])
    yield written(long)  # 20 MB in 20 kB
    yield from (written(pa.concat_tables([table] * 3)), written(table.slice(0, 0)), written(pa.table({"doc": [1]})), written(pa.table({})), written(table.append_column("__doc__", table.column("doc"))), written(table.rename_columns(["doc"] * 3)))


def written(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


RESULTS, RUN = next(LM_EVAL.glob("results*")), HELM
CORPUS = [  # reader, the folder to copy, the file in it that is hurt, what is read, how it is hurt
    (lm_eval, LM_EVAL, QUESTIONS, QUESTIONS, "lines"), (lm_eval, LM_EVAL, CHOICES, CHOICES, "lines"), (lm_eval, LM_EVAL, RESULTS, QUESTIONS, "json"),
    (livecodebench, LIVECODEBENCH.parent, LIVECODEBENCH, LIVECODEBENCH, "json"),
    (evalplus, EVALPLUS.parent, EVALPLUS, EVALPLUS, "json"),
    (inspect_ai, INSPECT, INSPECT / "whole.eval", INSPECT / "whole.eval", "zip"), (inspect_ai, INSPECT, INSPECT / "crashed.eval", INSPECT / "crashed.eval", "zip"), (inspect_ai, INSPECT, INSPECT / "plain.json", INSPECT / "plain.json", "json"),
    (lighteval, FIXTURES / "lighteval", DETAILS[0], DETAILS[0], "parquet"), (lighteval, FIXTURES / "lighteval", DETAILS[1], DETAILS[1], "parquet"), (lighteval, FIXTURES / "lighteval", next((FIXTURES / "lighteval").rglob("results_*")), DETAILS[0], "json"),
    (helm, HELM, HELM / "per_instance_stats.json", HELM, "json"), (helm, HELM, HELM / "scenario_state.json", HELM, "json"), (helm, HELM, HELM / "run_spec.json", HELM, "json"),
]


def damage(kind: str, path: Path, rng: np.random.Generator) -> Iterator[bytes]:
    yield from HOSTILE
    yield from {"lines": lambda: json_damage(path.read_bytes(), rng, lines=True), "json": lambda: json_damage(path.read_bytes(), rng), "zip": lambda: zip_damage(path, rng), "parquet": lambda: parquet_damage(path, rng)}[kind]()


def survives(reader, path: Path, hurt: Path) -> bool:
    """Reads path, whose part hurt is damaged: whether it was refused, with a line that names it; else the rows are sound."""
    try:
        for samples, rows in read(reader, path):
            assert samples.benchmark_id and json.dumps(samples.harness) and json.dumps(samples.facts, default=str)
            for row in rows:
                assert isinstance(row.score, float) and math.isfinite(row.score) and len(row.prompt_id) == 16 and row.attempt >= 0
                assert all(text is None or isinstance(text, str) for text in (row.category, row.prompt, row.expected, row.answer, row.finish_reason)) and isinstance(row.item, str)
        return False
    except QwhError as error:
        assert "\n" not in str(error) and str(hurt) in str(error) and len(str(error)) < 2000, str(error)[:500]
        return True


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: f"{case[0].KIND}-{case[2].name[:20]}")
def test_damaged_files(tmp_path, case):
    reader, folder, target, given_path, kind = case
    root = tmp_path / folder.name
    shutil.copytree(folder, root)
    path, hurt = root / given_path.relative_to(folder), root / target.relative_to(folder)
    count = refusals = 0
    for data in damage(kind, target, np.random.default_rng(7)):
        hurt.write_bytes(data)
        count += 1
        refusals += survives(reader, path, hurt)
    assert count >= 200 and refusals >= 60, (count, refusals)
    assert not list(tmp_path.parent.rglob("escape*"))


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_that_hypothesis_finds(tmp_path_factory, data):
    reader, folder, target, given_path, _ = data.draw(st.sampled_from([case for case in CORPUS if case[1] in (LM_EVAL, LIVECODEBENCH.parent, EVALPLUS.parent, INSPECT, HELM)]))
    root = tmp_path_factory.mktemp("hurt") / folder.name
    shutil.copytree(folder, root)
    hurt, whole = root / target.relative_to(folder), target.read_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=2, max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)])]
    tokens = st.sampled_from([b"", b"NaN", b"null", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\n", b"-1", b"1e400", b"\\", b"\xff", b"PK\1\2"]) | st.binary(max_size=8)
    order = data.draw(st.lists(st.sampled_from(range(len(pieces))), max_size=8)) if data.draw(st.booleans()) else range(len(pieces))
    hurt.write_bytes(b"".join(piece for index in order for piece in (pieces[index], data.draw(tokens))))
    survives(reader, root / given_path.relative_to(folder), hurt)
    shutil.rmtree(root)


def test_bombs_need_little_memory(tmp_path):
    """In a process of its own that may not take 1 GiB more than it starts with."""
    kept = {name: data for name, data in members(INSPECT / "whole.eval").items() if name in ("header.json", "summaries.json")}
    paths = []
    for index, data in enumerate(bombs(kept)):
        paths.append(tmp_path / f"bomb{index}.eval")
        paths[-1].write_bytes(data)
    deep = tmp_path / "deep.jsonl"
    deep.write_bytes(b'{"doc_id": 1, "doc": ' + b"[" * 30_000_000)
    wide = tmp_path / "wide.jsonl"
    wide.write_bytes(b'{"doc_id": 1, "filtered_resps": [' + b"[]," * 10_000_000 + b'[]], "prompt_hash": "x", "acc": 1}')
    script = """
import resource, sys
from pathlib import Path
from qwh.ingest.errors import QwhError
from qwh.ingest.readers import inspect_ai, lm_eval
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 30),) * 2)
for name in sys.argv[1:]:
    try:
        print(sum(len(list(samples.rows)) for samples in (inspect_ai if name.endswith("eval") else lm_eval).read(Path(name), {})))
    except QwhError as error:
        print("refused", error)
"""
    done = subprocess.run([sys.executable, "-c", script, *map(str, [*paths, deep, wide])], capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == len(paths) + 2, done.stderr[-2000:]
    assert all(line.startswith("refused") for line in lines[:-1]), lines
