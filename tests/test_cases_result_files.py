"""OpenAI evals, promptfoo, MultiPL-E and human-eval's lines through the command line.

Their readers are openai_evals, promptfoo, multipl_e and graded_lines.
"""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
from conftest import query, qwh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_bad_input import nothing_left, refused

from qwh.errors import ExitCode, QwhError
from qwh.ingest.readers import registry

CASES = Path(__file__).parent / "fixtures" / "cases"
EVENTS = CASES / "18-openai-evals"
CELLS = CASES / "19-promptfoo-csv"
NAMED = CASES / "20-model-in-the-file-name"
PROBLEMS = CASES / "24-a-file-per-problem"
FILES = {  # kind -> the file or folder of ref or q4
    "openai-evals": lambda name: EVENTS / f"{name}.jsonl",
    "promptfoo": lambda name: CELLS / f"{name}.csv",
    "multipl-e": lambda name: PROBLEMS / name,
    "graded-lines": lambda name: NAMED / f"model-{name}_samples.jsonl_results.jsonl",
}
BENCHMARKS = {
    "openai-evals": "capitals.s1.simple-v0",
    "promptfoo": "promptfoo",
    "multipl-e": "humaneval-rs",
    "graded-lines": "humaneval",
}


def promptfoo_json(name: str) -> dict:
    """The CSV file's results as promptfoo's JSON holds them."""
    with FILES["promptfoo"](name).open() as file:
        rows = list(csv.reader(file))
    provider, label = re.fullmatch(r"\[(.*?)\] (.*)", rows[0][2]).groups()
    results = [
        {
            "promptIdx": 0,
            "testIdx": number,
            "provider": {"id": provider, "label": ""},
            "prompt": {"raw": label.replace("{{country}}", country), "label": label},
            "vars": {"country": country},
            "response": {"output": cell.split("] ")[1]},
            "success": cell.startswith("[PASS]"),
            "failureReason": 0 if cell.startswith("[PASS]") else 1,
            "gradingResult": {"pass": cell.startswith("[PASS]")},
        }
        for number, (country, _, cell) in enumerate(rows[1:])
    ]
    return {"evalId": "e", "results": {"version": 3, "results": results}}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Every kind by `auto` in cohort c; promptfoo's quant as JSON in cohort forms."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "q4.json").write_text(json.dumps(promptfoo_json("q4")))
    forms = {"ref": FILES["promptfoo"]("ref"), "q4": folder / "q4.json"}
    given = [("c", name, path(name)) for path in FILES.values() for name in ("ref", "q4")]
    for cohort, name, path in [*given, *(("forms", *each) for each in forms.items())]:
        role = ["--is-reference"] if name == "ref" else []
        options = ("--quant-id", name, "--cohort", cohort, "--warehouse", folder / "w", *role)
        done = qwh("ingest", "auto", path, *options)
        assert done.exit_code == 0, (path, done.stderr)
    done = qwh("build", "--warehouse", folder / "w")
    assert done.exit_code == 0, done.stderr
    return folder / "w"


@pytest.mark.parametrize("kind", FILES)
def test_each_kind_has_its_right_figures(built, kind):
    rows = query(
        built,
        "select prompts, score_ref, score, leapfrogs, drops from fct_disagreements where cohort_id"
        f" = 'c' and benchmark_id = '{BENCHMARKS[kind]}' and scoring = 'answered'",
    )
    assert rows == [(12, pytest.approx(10 / 12), pytest.approx(9 / 12), 1.0, 2.0)]


def test_forms_of_one_tool_meet(built):
    rows = query(
        built,
        "select prompts, score_ref, score, leapfrogs, drops from fct_disagreements where cohort_id"
        " = 'forms' and scoring = 'answered'",
    )
    assert rows == [(12, pytest.approx(10 / 12), pytest.approx(9 / 12), 1.0, 2.0)]


def samples(kind: str, path: Path, picks: dict | None = None) -> dict[str, list[float]]:
    """item -> its scores, of the one run in a file."""
    [found] = registry.reader(kind).read(path, picks or {})
    scores = dict[str, list[float]]()
    for sample in found.rows:
        scores.setdefault(sample.item, []).append(sample.score)
    return scores


def test_models_are_named_by_their_files():
    names = {}
    for kind, path in FILES.items():
        [found] = registry.reader(kind).read(path("q4"), {})
        names[kind] = found.model_name
    assert names == {
        "openai-evals": "model-q4",
        "promptfoo": "openai:chat:model-q4",
        "multipl-e": None,
        "graded-lines": None,
    }


def test_a_record_that_did_not_end_is_partial(tmp_path):
    lines = (EVENTS / "q4.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "cut.jsonl").write_text("".join(lines[:-1]))
    options = ("--quant-id", "q4", "--cohort", "c", "--warehouse", tmp_path / "w")
    done = qwh("ingest", "auto", tmp_path / "cut.jsonl", *options)
    assert done.exit_code == 0 and "partial" in done.stdout, done.stderr
    assert "no final report" in done.stderr
    (tmp_path / "other.jsonl").write_text("".join(lines[:-5] + lines[-1:]))
    done = qwh("ingest", "auto", tmp_path / "other.jsonl", *options)
    assert "its report says accuracy 0.75, its events 0.7" in done.stderr


def test_an_eval_without_matches_has_its_metrics(tmp_path):
    text = (EVENTS / "q4.jsonl").read_text()
    text = text.replace('"type": "match"', '"type": "metrics"').replace('"correct"', '"f1_score"')
    (tmp_path / "f1.jsonl").write_text(text.replace("true", "0.5").replace("false", "0.25"))
    scores = samples("openai-evals", tmp_path / "f1.jsonl")
    assert sum(score for [score] in scores.values()) == 9 / 2 + 3 / 4


def test_promptfoo_with_scores_errors_and_two_providers(tmp_path):
    heading = ["city", "__expected", "[a] Where is {{city}}?", "[b] Where is {{city}}?"]
    rows = [
        [
            "Rome",
            "x",
            "[PASS] (1.00)\n\nItaly",
            "[FAIL] (0.00, x: 0.10)\n\nPeru\n\nFail Reason: no",
        ],
        ["Lima", "x", "[ERROR] 503", "[PASS] (1.00)\n\nPeru"],
    ]
    with (tmp_path / "out.csv").open("w", newline="") as file:
        csv.writer(file).writerows([heading, *rows])
    options = ("--quant-id", "q", "--cohort", "c", "--warehouse", tmp_path / "w")
    refused(
        qwh("ingest", "promptfoo", tmp_path / "out.csv", *options),
        ExitCode.BAD_INPUT,
        "answers of 2 models, a, b",
        "--pick model=a",
    )
    nothing_left(tmp_path / "w")
    assert samples("promptfoo", tmp_path / "out.csv", {"model": "b"}) == {"Rome": [0], "Lima": [1]}
    done = qwh("ingest", "promptfoo", tmp_path / "out.csv", "--pick", "model=a", *options)
    assert done.exit_code == 0, done.stderr
    assert "1 left out: an error instead of an answer" in done.stderr


def test_a_program_that_ends_badly_does_not_pass(tmp_path):
    shutil.copytree(PROBLEMS / "q4", tmp_path / "q4")
    path = tmp_path / "q4" / "HumanEval_0_france.results.json"
    problem = json.loads(path.read_text())
    [passed] = problem["results"]
    problem["results"] = [passed, passed | {"exit_code": 1}, passed | {"status": "Timeout"}]
    path.write_text(json.dumps(problem))
    scores = samples("multipl-e", tmp_path / "q4")
    assert scores["HumanEval_0_france"] == [1.0, 0.0, 0.0] and len(scores) == 12
    (tmp_path / "q4" / "mbpp_1_x.results.json").write_text(
        json.dumps(problem | {"name": "mbpp_1_x", "language": "lua"})
    )
    found = list(registry.reader("multipl-e").read(tmp_path / "q4", {}))
    assert {each.benchmark_id for each in found} == {"humaneval-rs", "mbpp-lua"}


def test_problems_of_two_runs_or_of_one_file(tmp_path):
    options = ("--quant-id", "q", "--cohort", "c", "--warehouse", tmp_path / "w")
    both = qwh("ingest", "multipl-e", PROBLEMS, *options)
    refused(both, ExitCode.BAD_INPUT, "humaneval-rs is in 2 folders, q4, ref")
    nothing_left(tmp_path / "w")
    one = PROBLEMS / "q4" / "HumanEval_0_france.results.json"
    done = qwh("ingest", "auto", one, *options)
    assert done.exit_code == 0 and "partial" in done.stdout, done.stderr


def test_ifevals_lines_name_their_data_set_by_its_instructions(tmp_path):
    for ids, benchmark in (
        (["punctuation:no_comma"], "ifeval"),
        (["count:words", "format:list"], "ifbench"),
        (["own:thing"], "instruction following"),
    ):
        row = {
            "follow_all_instructions": True,
            "follow_instruction_list": [True],
            "instruction_id_list": ids,
            "prompt": "Write.",
            "response": "",
        }
        lines = [row, row | {"prompt": "Write more.", "follow_all_instructions": False}]
        path = tmp_path / f"m_{benchmark}-eval_results_loose.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        [found] = registry.reader("graded-lines").read(path, {})
        assert (found.benchmark_id, found.harness["manner"]) == (f"{benchmark}-loose", "loose")
        assert [(each.prompt, each.score) for each in found.rows] == [
            ("Write.", 1.0),
            ("Write more.", 0.0),
        ]


RIGHT = {
    kind: {item: scores[0] for item, scores in samples(kind, path("q4")).items()}
    for kind, path in FILES.items()
    if kind in ("openai-evals", "graded-lines")
}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(sorted(RIGHT)),
    place=st.integers(0, 30),
    key=st.sampled_from(["correct", "passed", "type", "sample_id", "task_id", "more"]),
    value=st.sampled_from(["dropped", None, True, 7, "yes", [True], {"a": 1}]),
)
def test_a_changed_line_gives_the_same_scores_or_a_refusal(tmp_path, kind, place, key, value):
    lines = [json.loads(line) for line in FILES[kind]("q4").read_text().splitlines()]
    line = lines[place % len(lines)]
    for part in (line, line.get("data")):
        if isinstance(part, dict) and (key in part or key == "more"):
            part[key] = value
            if value == "dropped":
                del part[key]
    path = tmp_path / "changed.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    try:
        [found] = registry.reader(kind).read(path, {})
        scores = {sample.item: sample.score for sample in found.rows}
    except QwhError:
        return
    said = value is True or found.left_out or found.partial
    same = {item: score for item, score in scores.items() if RIGHT[kind].get(item) == score}
    assert said or len(same) >= len(RIGHT[kind]) - (key in ("sample_id", "task_id"))
