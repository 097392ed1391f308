"""The readers of other tools' answers: recognised by one alone, damaged, changed, in part.

Modules: aider, bfcl, bigcodebench, every_eval_ever, livecodebench, llama_eval, mmlu_authors,
mmlu_pro, swe_bench, tau2, terminal_bench.
"""

import csv
import io
import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness_damage import HOSTILE, json_damage
from harness_files import read, refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tool_files import ANSWERS, WRITERS, counted, dump, lines

from qwh.errors import QwhError
from qwh.ingest.readers import registry
from qwh.ingest.readers.port import NotTaken, Samples

CASES = Path(__file__).parent / "fixtures" / "cases"
OWNERS = {
    "05-bfcl": "bfcl",
    "05-bfcl/score": "bfcl",
    "05-bfcl/result/org_model-q4-FC/non_live/BFCL_v4_multiple_result.json": "bfcl",
    "05-bfcl/score/org_model-q4-FC/non_live/BFCL_v4_multiple_score.json": "bfcl",
    "06-mmlu-pro-own-script/q4": "mmlu-pro",
    "06-mmlu-pro-own-script/q4/CoT/all/history.json": "mmlu-pro",
    "03-one-benchmark-in-several-files/q4": "mmlu-authors",
    "03-one-benchmark-in-several-files/q4/results_m/history.csv": "mmlu-authors",
    "16-lcb-code-execution/model-q4": "livecodebench",
    "17-agents-json/model-q4_capitals_2trials.json": "tau2",
    "17-agents-json/tb-q4": "terminal-bench",
    "17-agents-json/tb-q4/results.json": "terminal-bench",
    "13-json-dead-end/llama-eval.gsm8k-model-q4.json": "llama-eval",
    "13-json-dead-end/swebench.model-q4.run1.json": "swe-bench",
}


def tool(kind: str) -> Any:
    return registry.reader(kind)


def who(path: Path) -> list[str]:
    """Every kind whose reader says that a path is its own."""
    start = registry.head(path)
    return [kind for kind in registry.KINDS if tool(kind).recognises(path, start)]


def numbers(kind: str, path: Path, **picks: str) -> dict[str, float]:
    """item -> mean score over all that a reader finds."""
    scores = defaultdict(list)
    for found in tool(kind).read(path, picks):
        if isinstance(found, Samples):
            for row in found.rows:
                assert len(row.prompt_id) == 16 and row.attempt >= 0
                scores[row.item, row.category, row.prompt_id].append(row.score)
    return {"/".join(key[:2]): float(np.mean(some)) for key, some in scores.items()}


@pytest.mark.parametrize("place", OWNERS)
def test_a_kept_file_has_one_reader(place):
    assert who(CASES / place) == [OWNERS[place]]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_made_file_and_its_folders_have_one_reader(tmp_path, kind):
    given_path = WRITERS[kind](tmp_path / kind, "lean", ANSWERS["lean"])
    assert who(given_path) == [kind]
    files = [file for file in given_path.rglob("*") if file.is_file()]
    for file in files:
        assert who(file) == [kind] or file.name == "run_metadata.json", file
    expected = sorted(counted(kind, ANSWERS["lean"]).values())
    assert sorted(numbers(kind, given_path).values()) == expected
    assert sorted(numbers(kind, tmp_path).values()) == expected


def test_a_folder_of_two_tools_is_refused_by_their_names(tmp_path):
    WRITERS["tau2"](tmp_path, "m", ANSWERS["lean"])
    WRITERS["swe-bench"](tmp_path, "m", ANSWERS["lean"])
    with pytest.raises(QwhError, match="tau2 and swe-bench"):
        registry.recognise(tmp_path)


@pytest.mark.parametrize("kind", WRITERS)
def test_missing_empty_and_unusable(tmp_path, kind):
    with pytest.raises(QwhError, match="no such file"):
        read(tool(kind), tmp_path / "none.json")
    refused(tool(kind), tmp_path)
    refused(tool(kind), Path("/dev/null"), "neither a file nor a folder")


def files_of(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("kind", WRITERS)
def test_damaged_files_are_refused_in_one_line_or_sound(tmp_path, kind):
    path = WRITERS[kind](tmp_path / "whole", "lean", ANSWERS["lean"])
    target = max(files_of(tmp_path / "whole"), key=lambda file: file.stat().st_size)
    whole = target.read_bytes()
    in_lines = kind in ("bfcl", "every-eval-ever")
    damaged = list(HOSTILE)
    if target.suffix == ".json" or in_lines:
        damaged += json_damage(whole, np.random.default_rng(3), lines=in_lines)
    for data in damaged:
        target.write_bytes(data)
        try:
            assert all(np.isfinite(list(numbers(kind, path).values())))
        except QwhError as error:
            assert "\n" not in str(error) and len(str(error)) < 2000


def unknown_keys(found: Any, depth: int = 0) -> Any:
    """A copy with a key that no tool writes in every object of records."""
    if isinstance(found, dict):
        inner = {key: unknown_keys(value, depth + 1) for key, value in found.items()}
        return {"zz_unknown": [depth], **inner} if depth in (0, 2) or "id" in found else inner
    return [unknown_keys(each, depth + 1) for each in found] if isinstance(found, list) else found


def turned(found: Any) -> Any:
    """A copy with the keys of every object in the opposite order."""
    if isinstance(found, dict):
        return {key: turned(found[key]) for key in reversed(found)}
    return [turned(each) for each in found] if isinstance(found, list) else found


def changed(file: Path, how: str) -> bytes:
    """A file's bytes as another version of the tool, editor or program might write them."""
    text = file.read_text()
    if how == "bom":
        return b"\xef\xbb\xbf" + text.encode()
    if file.suffix == ".csv":
        rows = list(csv.reader(io.StringIO(text)))
        if how == "unknown":
            rows = [[str(at) if at else "note", *row] for at, row in enumerate(rows)]
        elif how == "turned":
            rows = [row[::-1] for row in rows]
        sink = io.StringIO()
        csv.writer(sink, delimiter=";" if how == "locale" else ",").writerows(rows)
        return sink.getvalue().encode()
    act = {"unknown": unknown_keys, "turned": turned}.get(how, lambda found: found)
    indent = 4 if how == "locale" else None
    if file.suffix == ".jsonl" or "BFCL" in file.name:
        return "\r\n".join(json.dumps(act(json.loads(line))) for line in text.splitlines()).encode()
    return json.dumps(act(json.loads(text)), indent=indent, ensure_ascii=how != "locale").encode()


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(sorted(WRITERS)),
    how=st.sampled_from(["unknown", "turned", "locale", "bom", "second"]),
    outcomes=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=7),
)
def test_changed_files_give_the_same_numbers_or_are_refused(tmp_path_factory, kind, how, outcomes):
    root = tmp_path_factory.mktemp("tool")
    answers = {f"item{at}": list(each) for at, each in enumerate(outcomes)}
    path = WRITERS[kind](root, "lean", answers)
    expected = numbers(kind, path)
    if how == "second":
        flipped = {item: [not each for each in some] for item, some in answers.items()}
        WRITERS[kind](root, "other", flipped)
        assert numbers(kind, root, model="lean") == expected
        path = root
    else:
        for file in files_of(root):
            file.write_bytes(changed(file, how))
    try:
        assert numbers(kind, path) == expected
        assert how != "second"
        assert registry.recognise(path) in (kind, None)
    except QwhError as error:
        assert how not in ("turned", "unknown") or kind in ("bigcodebench", "llama-eval"), error
    shutil.rmtree(root)


def test_aider_tries_and_what_was_not_run(tmp_path):
    run = WRITERS["aider"](tmp_path, "m", {"a": [False, True], "b": [True], "c": [False, False]})
    broken = run / "go" / "exercises" / "practice" / "broken" / ".aider.results.json"
    dump(broken, {"exception": "no container"})
    (found,) = tool("aider").read(run, {})
    assert {row.item: row.score for row in found.rows} == {"python/a": 1, "go/b": 1, "python/c": 0}
    assert found.partial == "3 of 5 exercises"
    assert found.left_out == {"an exercise that was not run": 2}
    assert found.other_metrics == ["pass_rate_1", "pass_rate_2"]
    (first,) = tool("aider").read(run, {"metric": "pass_rate_1"})
    assert [row.score for row in first.rows] == [1, 0, 0]
    shutil.copytree(run, tmp_path / "2026-02-02--m")
    refused(tool("aider"), tmp_path, "2 runs", "2026-01-01--m, 2026-02-02--m")


def test_every_eval_ever_metrics_and_aggregate(tmp_path):
    path = WRITERS["every-eval-ever"](tmp_path, "org/m", ANSWERS["lean"])
    (found,) = tool("every-eval-ever").read(path, {})
    assert found.metric == "exact_match" and found.other_metrics == ["length", "is_correct"]
    assert found.benchmark_id == "quiz" and found.model_name == "org/m"
    (length,) = tool("every-eval-ever").read(path, {"metric": "length"})
    assert next(length.rows).score == 40
    result = {"evaluation_result_id": "exact_match", "metric_config": {"lower_is_better": True}}
    told = {"schema_version": "0.3.0", "evaluation_id": "x", "evaluation_results": [result]}
    aggregate = dump(path.with_name("0a.json"), told)
    (found,) = tool("every-eval-ever").read(aggregate, {})
    assert found.metric == "length"  # no score is within 0..1 and grows: the import asks
    (found,) = tool("every-eval-ever").read(path, {"metric": "is_correct"})
    expected = sorted(counted("every-eval-ever", ANSWERS["lean"]).values())
    assert sum(row.score for row in found.rows) == 2 * sum(expected)
    (found,) = tool("every-eval-ever").read(path, {"metric": "exact_match"})
    assert found.smaller_is_better is True
    path.unlink()
    refused(tool("every-eval-ever"), aggregate, "totals without single answers", "0a_samples.jsonl")


def test_bfcl_categories_without_a_score(tmp_path):
    path = WRITERS["bfcl"](tmp_path, "m", ANSWERS["lean"])
    entry = [{"id": "x_0", "result": "?"}]
    for name in ("format_sensitivity", "memory_kv_prereq"):
        lines(tmp_path / f"result/m/agentic/memory/kv/BFCL_v4_{name}_result.json", entry)
    *passed, found = tool("bfcl").read(path, {})
    assert [each.what for each in passed] == []  # asked for the folder of the scores
    *passed, found = tool("bfcl").read(tmp_path, {})
    assert {each.what for each in passed if isinstance(each, NotTaken)} == {
        "format_sensitivity",
        "memory_kv_prereq",
    }
    assert found.partial is None
    lines(tmp_path / "result/m/live/BFCL_v4_live_simple_result.json", entry)
    *_, found = tool("bfcl").read(tmp_path, {})
    assert found.partial == "without live_simple"


def test_tau2_simulations_that_broke_off_and_in_files_of_their_own(tmp_path):
    path = WRITERS["tau2"](tmp_path, "m", ANSWERS["lean"])
    whole, expected = json.loads(path.read_text()), numbers("tau2", path)
    simulations = whole.pop("simulations")
    results = dump(tmp_path / "dir" / "results.json", whole)
    for at, simulation in enumerate(simulations):
        dump(results.parent / "simulations" / f"{at}.json", simulation)
    assert numbers("tau2", results) == numbers("tau2", results.parent) == expected
    simulations[0] |= {"termination_reason": "infrastructure_error", "reward_info": None}
    simulations[2] |= {"reward_info": None}
    dump(path, whole | {"simulations": simulations[:-1]})
    (found,) = tool("tau2").read(path, {})
    assert len(list(found.rows)) == len(simulations) - 3
    assert found.partial == "19 of 20 simulations"
    assert found.left_out == {
        "a simulation that ended with infrastructure_error": 1,
        "a simulation without a reward": 1,
    }


def test_swe_bench_lists_that_contradict_each_other(tmp_path):
    path = WRITERS["swe-bench"](tmp_path, "org__m", ANSWERS["lean"])
    report = json.loads(path.read_text())
    (found,) = tool("swe-bench").read(dump(path, report | {"incomplete_ids": ["a-1"]}), {})
    assert found.model_name == "org/m" and found.partial == "1 instances without a prediction"
    twice = report | {"error_ids": report["resolved_ids"][:1]}
    refused(tool("swe-bench"), dump(path, twice), "is both resolved and error")
    refused(tool("swe-bench"), dump(path, report | {"resolved_instances": 9}), "resolved_instances")


def test_livecodebench_other_scenarios_and_answers_without_grades(tmp_path):
    path = WRITERS["livecodebench"](tmp_path, "m", ANSWERS["lean"])
    (found,) = tool("livecodebench").read(path, {})
    rows = list(found.rows)
    assert len({row.item for row in rows}) == 10 and len({row.prompt_id for row in rows}) == 10
    assert rows[0].prompt.startswith("def name") and rows[0].prompt.endswith("name(0)")
    assert found.harness["scenario"] == "codeexecution"
    problem = {"question_id": "a", "question_content": "Sum.", "graded_list": [True]}
    file = tmp_path / "one" / "testoutputprediction_1_0.2_eval_all.json"
    (found,) = tool("livecodebench").read(dump(file, [problem | {"test_id": 0}]), {})
    assert found.benchmark_id == "livecodebench-testoutputprediction"
    answers = [{"question_id": "a", "question_content": "Sum.", "output_list": ["1"]}]
    file = dump(tmp_path / "codegeneration_1_0.2.json", answers)
    assert who(file) == ["livecodebench"]
    refused(tool("livecodebench"), file, "answers without grades", "_eval_all.json")
    bare = dump(tmp_path / "x_eval_all.json", [{"question_id": "a", "graded_list": [True]}])
    refused(tool("livecodebench"), bare, "neither question_content nor code")


def test_mmlu_pro_files_of_two_runs(tmp_path):
    path = WRITERS["mmlu-pro"](tmp_path, "m", ANSWERS["lean"])
    file = next(path.rglob("*.json"))
    shutil.copy(file, file.with_name("again.json"))
    refused(tool("mmlu-pro"), path, "again.json", "both answer question")
    assert len(numbers("mmlu-pro", file)) == 10  # the copy is named after no subject
    assert len(numbers("mmlu-pro", file.with_name("again.json"))) == 5


def test_mmlu_authors_rows_that_are_too_long_or_not_graded(tmp_path):
    folder = WRITERS["mmlu-authors"](tmp_path, "m", ANSWERS["lean"])
    file = next(folder.glob("*.csv"))
    whole = file.read_text()
    rows = numbers("mmlu-authors", folder)
    assert len(rows) == 10
    file.write_text(whole.replace("0.25\n", "0.25,7\n", 1))
    refused(tool("mmlu-authors"), folder, "10 cells under 9 headings")
    file.write_text(whole.replace(",True,", ",yes,", 1))
    refused(tool("mmlu-authors"), folder, "neither True nor False")
