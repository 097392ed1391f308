"""Answers on their way in: what a score may be, what names a run, what it meets."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import qwh
from test_bad_input import refused

from qwh.errors import ExitCode
from qwh.raw.store import Store

CAPITALS = ["Paris", "Rome", "Madrid", "Lima", "Nairobi", "Tokyo"]


def table(path: Path, rows: list[dict]) -> Path:
    """A CSV file of these rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def answers(path: Path, scores: list[float], first: int = 0, day: str = "") -> Path:
    """An answer for each score, to one capital after the other."""
    return table(
        path,
        [
            {"item": number, "prompt": f"{day}Where is {CAPITALS[number]}?", "score": score}
            for number, score in enumerate(scores, first)
        ],
    )


def bring(warehouse: Path, path: Path, quant: str, *more: object):
    """`qwh ingest generic` on such a file, as answers to the benchmark geo."""
    columns = ("item=item", "prompt=prompt", "score=score")
    return qwh(
        *("ingest", "generic", path, "--cohort", "c", "--quant-id", quant),
        *("--benchmark-id", "geo", "--warehouse", warehouse),
        *(part for column in columns for part in ("--map", column)),
        *more,
    )


def scores(warehouse: Path, number: int = -1) -> list[float]:
    """The stored scores of one of the runs, in order."""
    store = Store(warehouse)
    run = store.runs()[number]
    return pq.read_table(store.part("samples", run.run_id))["score"].to_pylist()


@pytest.mark.parametrize("value", [1.5, -0.25, 57.0])
def test_a_score_outside_0_1_is_refused_with_the_way_on(tmp_path, value):
    path = answers(tmp_path / "a.csv", [1, 0, value])
    for more in ((), ("--dry-run",)):
        done = bring(tmp_path / "w", path, "q", *more)
        refused(done, ExitCode.BAD_INPUT, "item 2", f"{value:g}", "--score-max")
    assert Store(tmp_path / "w").runs() == []


def test_per_cent_and_errors_become_shares(tmp_path):
    path = answers(tmp_path / "a.csv", [100, 0, 57.5, 12.5])
    assert bring(tmp_path / "w", path, "q", "--score-max", 100).exit_code == 0
    assert scores(tmp_path / "w") == [1.0, 0.0, 0.575, 0.125]
    flipped = bring(tmp_path / "w", path, "e", "--score-max", 200, "--smaller-is-better")
    assert flipped.exit_code == 0 and scores(tmp_path / "w") == [0.5, 1.0, 0.7125, 0.9375]
    refused(
        bring(tmp_path / "w", path, "x", "--score-max", 50),
        ExitCode.BAD_INPUT,
        "is 100",
        "--score-max says 50",
    )


def test_the_same_answers_are_one_run_wherever_they_lie(tmp_path):
    first = bring(tmp_path / "w", answers(tmp_path / "a.csv", [1, 0, 1]), "q")
    again = bring(tmp_path / "w", answers(tmp_path / "other" / "b.csv", [1, 0, 1]), "q")
    assert "already in the warehouse" in again.stderr and "of a.csv" in again.stderr
    other = bring(tmp_path / "w", answers(tmp_path / "other" / "b.csv", [1, 1, 1]), "q")
    run_id = first.stdout.split()[0]
    assert f"replaces run {run_id} of a.csv" in other.stderr
    assert len(Store(tmp_path / "w").runs()) == 2


def test_a_smoke_run_is_said_to_count_less(tmp_path):
    bring(tmp_path / "w", answers(tmp_path / "whole.csv", [1, 0, 1, 1, 0, 1]), "q")
    smoke = bring(tmp_path / "w", answers(tmp_path / "smoke.csv", [1, 1]), "q")
    assert smoke.exit_code == 0 and "of whole.csv is larger and still counts" in smoke.stderr


def test_a_part_of_a_benchmark_does_not_hide_another(tmp_path):
    bring(tmp_path / "w", answers(tmp_path / "geography.csv", [1, 0, 1]), "q")
    part = bring(tmp_path / "w", answers(tmp_path / "history.csv", [1, 1], first=3), "q")
    refused(part, ExitCode.MISMATCH, "geography.csv", "3 prompts that history.csv lacks")
    assert len(Store(tmp_path / "w").runs()) == 1


def test_a_benchmark_that_no_reference_has_is_said_at_once(tmp_path):
    path = answers(tmp_path / "a.csv", [1, 0, 1])
    alone = bring(tmp_path / "w", path, "q")
    assert "no reference of cohort c has the benchmark geo" in alone.stderr
    bring(tmp_path / "w", path, "ref", "--is-reference")
    other = bring(tmp_path / "w", path, "q", "--benchmark-id", "geography")
    assert "the benchmark geography" in other.stderr and "it has geo" in other.stderr
    good = bring(tmp_path / "w", answers(tmp_path / "b.csv", [0, 0, 1]), "q2")
    assert good.exit_code == 0 and good.stderr == ""


def test_other_facts_and_other_texts_are_said_at_once(tmp_path):
    path = answers(tmp_path / "a.csv", [1, 0, 1], day="24 Nov 2026. ")
    bring(tmp_path / "w", path, "ref", "--is-reference", "--fact", "shots=0")
    facts = bring(tmp_path / "w", path, "q", "--fact", "shots=5")
    assert 'shots is "0" there, "5" here' in facts.stderr
    path = answers(tmp_path / "b.csv", [1, 0, 1], day="25 Nov 2026. ")
    texts = bring(tmp_path / "w", path, "q", "--fact", "shots=0")
    assert "3 of 3 prompts are another text" in texts.stderr
    assert "'24 Nov 2026. " in texts.stderr and "'25 Nov 2026. " in texts.stderr
    assert "--match item" in texts.stderr
    by_item = ("--fact", "shots=0", "--match", "item")
    bring(tmp_path / "w", tmp_path / "a.csv", "ref", "--is-reference", *by_item)
    met = bring(tmp_path / "w", path, "q", *by_item)
    assert met.exit_code == 0 and "another text" not in met.stderr


def test_equal_texts_stay_items_and_equal_items_are_attempts(tmp_path):
    rows = [
        {"item": item, "prompt": prompt, "score": score}
        for item, prompt, score in (("a", "x", 1), ("b", "x", 0), ("c", "y", 1), ("b", "x", 1))
    ]
    done = bring(tmp_path / "w", table(tmp_path / "t.csv", rows), "q", "--rows", "attempts")
    assert done.exit_code == 0 and "4 samples of 3 prompts" in done.stdout
    store = Store(tmp_path / "w")
    (run,) = store.runs()
    prompts = pq.read_table(store.part("prompts", run.run_id)).to_pylist()
    assert [prompt["item"] for prompt in prompts] == ["a", "b", "c"] and run.chunks == 3
    a, b, c = (prompt["text_id"] for prompt in prompts)
    assert a == b != c and len({prompt["prompt_id"] for prompt in prompts}) == 3
    samples = pq.read_table(store.part("samples", run.run_id)).to_pylist()
    assert [sample["attempt"] for sample in samples] == [0, 0, 0, 1]


def test_names_come_from_paths(tmp_path):
    paths = [answers(tmp_path / "runs" / name / "geo.csv", [1, 0, 1]) for name in ("Q8_0", "Q4")]
    done = qwh(
        *("ingest", "generic", paths[0], "--cohort", "c", "--benchmark-id", "geo"),
        *("--quant-from", "runs/{quant}/*.csv", "--map", "item=item", "--map", "score=score"),
        *("--warehouse", tmp_path / "w"),
    )
    assert done.exit_code == 0 and Store(tmp_path / "w").runs()[0].quant_id == "Q8_0"
    log = Path(__file__).parent / "fixtures" / "printed" / "kld.log"
    for name in ("IQ2_M", "Q6_K"):
        (tmp_path / f"{name}.log").write_bytes(log.read_bytes())
    logs = sorted(tmp_path.glob("*.log"))
    done = qwh(
        *("ingest", "llama-log", *logs, "--cohort", "logs", "--warehouse", tmp_path / "w"),
        *("--quant-from", "{quant}.log"),
    )
    assert done.exit_code == 0, done.stderr
    names = [run.quant_id for run in Store(tmp_path / "w").runs() if run.cohort_id == "logs"]
    assert names == ["IQ2_M", "Q6_K"]
    wrong = ("--quant-from", "{quant}.txt")
    done = qwh("ingest", "llama-log", *logs, "--cohort", "x", "--warehouse", tmp_path / "w", *wrong)
    refused(done, ExitCode.USAGE, "does not fit", "{quant}")


def test_a_choice_that_a_kind_does_not_have_is_refused(tmp_path):
    log = Path(__file__).parent / "fixtures" / "printed" / "kld.log"
    done = qwh(
        *("ingest", "llama-log", log, "--cohort", "c", "--quant-id", "q"),
        *("--pick", "metric=acc", "--warehouse", tmp_path / "w"),
    )
    refused(done, ExitCode.USAGE, "--pick metric", "llama-log")


def lm_eval(folder: Path, task: str, metric: str, scores: list[float], model: str = "m") -> Path:
    """A folder of lm-eval with one more task in it."""
    folder.mkdir(parents=True, exist_ok=True)
    date = "2026-01-01T10-00-00.000001"
    lines = [
        {
            "doc_id": number,
            "doc": {"q": CAPITALS[number]},
            "target": "x",
            "arguments": {"gen_args_0": {"arg_0": f"Where is {CAPITALS[number]}?"}},
            "resps": [["x"]],
            "filtered_resps": ["x"],
            "filter": "none",
            "metrics": [metric],
            "doc_hash": f"{number:064x}",
            "prompt_hash": f"{number:064x}",
            "target_hash": f"{number:064x}",
            metric: score,
        }
        for number, score in enumerate(scores)
    ]
    path = folder / f"samples_{task}_{date}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / f"results_{date}.json").write_text(json.dumps({"results": {}, "model_name": model}))
    return folder


def bring_lm_eval(warehouse: Path, *more: object):
    """`qwh ingest lm-eval` as q's."""
    given = ("--cohort", "c", "--quant-id", "q", "--warehouse", warehouse)
    return qwh("ingest", "lm-eval", *more, *given)


def test_one_task_without_scores_stops_no_other(tmp_path):
    for task, metric, values in (
        ("aa", "exact_match", [1, 0, 1]),
        ("bb", "bleu_max", [51.5, 20, 80]),
        ("cc", "exact_match", [0, 0, 1]),
    ):
        folder = lm_eval(tmp_path / "q", task, metric, values)
    done = bring_lm_eval(tmp_path / "w", folder)
    assert done.exit_code == 0, done.stderr
    assert [run.benchmark_id for run in Store(tmp_path / "w").runs()] == ["aa", "cc"]
    assert "not taken" in done.stderr and "bleu_max of item 0 is 51.5" in done.stderr
    for option in (("--score-max", 100), ("--smaller-is-better",)):
        refused(
            bring_lm_eval(tmp_path / "x", folder, *option),
            ExitCode.USAGE,
            option[0],
            "exact_match, bleu_max",
        )
    assert Store(tmp_path / "x").runs() == []


def test_one_name_is_of_one_model(tmp_path):
    folders = [
        lm_eval(tmp_path / model, "aa", "exact_match", [1, 0, 1], f"org/{model}")
        for model in ("q4", "ref")
    ]
    done = bring_lm_eval(tmp_path / "w", *folders)
    refused(done, ExitCode.USAGE, "--quant-id q", "org/q4, org/ref")
    assert Store(tmp_path / "w").runs() == []
    apart = bring_lm_eval(tmp_path / "w", tmp_path, "--pick", "metric=exact_match")
    assert apart.exit_code != 0


def test_another_model_under_one_name_is_said(tmp_path):
    for model in ("q4", "ref"):
        folder = lm_eval(tmp_path / model, model, "exact_match", [1, 0, 1], f"org/{model}")
        done = bring_lm_eval(tmp_path / "w", folder)
        assert done.exit_code == 0
    assert "q is org/ref here, and was org/q4 in run" in done.stderr


def test_a_scale_is_no_difference_once_it_is_divided_out(tmp_path):
    bring(tmp_path / "w", answers(tmp_path / "a.csv", [1, 0, 1]), "ref", "--is-reference")
    done = bring(tmp_path / "w", answers(tmp_path / "b.csv", [100, 0, 25]), "q", "--score-max", 100)
    assert done.exit_code == 0 and done.stderr == ""
    refused(
        bring(tmp_path / "w", tmp_path / "b.csv", "q", "--score-max", -1),
        ExitCode.USAGE,
        "--score-max -1",
    )
    precise = bring(tmp_path / "w", answers(tmp_path / "c.csv", [1, 1.0000001]), "q")
    refused(precise, ExitCode.BAD_INPUT, "1.0000001")


def test_what_the_file_leaves_open_is_typed_as_the_tool_would(tmp_path):
    folder = lm_eval(tmp_path / "q", "aa", "exact_match", [1, 0, 1])
    assert bring_lm_eval(tmp_path / "w", folder, "--fact", "num_fewshot=0").exit_code == 0
    (run,) = Store(tmp_path / "w").runs()
    assert json.loads(run.harness)["num_fewshot"] == 0


def test_another_expected_answer_is_the_reason_where_items_are_matched(tmp_path):
    for name, expected in (("ref", "a"), ("q", "b")):
        rows = [{"item": 0, "prompt": f"{name}?", "expected": expected, "score": 1}]
        given = ("--map", "expected=expected", "--match", "item")
        role = ("--is-reference",) if name == "ref" else ()
        path = table(tmp_path / f"{name}.csv", rows)
        done = bring(tmp_path / "w", path, name, *given, *role)
    assert "1 of 1 prompts have another item or expected answer" in done.stderr
    assert "--match item" not in done.stderr


def test_a_task_of_the_reference_s_group_is_told(tmp_path):
    path = answers(tmp_path / "a.csv", [1, 0, 1])
    bring(tmp_path / "w", path, "ref", "--is-reference")
    done = bring(tmp_path / "w", path, "q", "--benchmark-id", "geo_capitals")
    assert "it has geo, whose task it may be" in done.stderr
