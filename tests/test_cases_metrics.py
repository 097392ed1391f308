"""Which of a tool's several numbers is a score, and that smaller-is-better is asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import query, qwh
from tool_files import dump, lines

from qwh.errors import ExitCode

ITEMS = ("alba", "brno", "cork", "dax", "evora", "faro", "graz", "hull")
WRONG = {"ref": {"brno"}, "q4": {"brno", "dax", "hull"}}
ACCURACY = {model: 1 - len(wrong) / len(ITEMS) for model, wrong in WRONG.items()}
# name -> its number of a right and of a wrong answer
LATENCY, TOXICITY, WER = ("latency", 0.5, 0.5), ("toxicity", 0.3, 0.3), ("wer", 0.0, 1.0)
UNKNOWN, GRADE = ("verve", 0.2, 0.9), ("accuracy", 1.0, 0.0)
Metric = tuple[str, float, float]


def graded(model: str, metrics: list[Metric]) -> list[tuple[str, dict[str, float]]]:
    """item -> metric -> number."""
    return [
        (item, {name: wrong if item in WRONG[model] else right for name, right, wrong in metrics})
        for item in ITEMS
    ]


def every_eval_ever(folder: Path, model: str, metrics: list[Metric]) -> Path:
    found = [
        {
            "schema_version": "0.3.0",
            "evaluation_id": "towns/1",
            "model_id": model,
            "evaluation_name": "towns",
            "evaluation_result_id": f"towns/{name}",
            "sample_id": item,
            "sample_hash": f"{item:0>64}",
            "interaction_type": "single_turn",
            "input": {"raw": f"Where is {item}?", "reference": [item]},
            "output": {"raw": [item]},
            "answer_attribution": [],
            "evaluation": {"score": number},
        }
        for item, numbers in graded(model, metrics)
        for name, number in numbers.items()
    ]
    return lines(folder / model / "0a_samples.jsonl", found)


def openai_evals(folder: Path, model: str, metrics: list[Metric]) -> Path:
    spec = {"completion_fns": [model], "eval_name": "towns", "run_id": "r", "created_at": "x"}
    found: list[dict] = [{"spec": spec}]
    for item, numbers in graded(model, metrics):
        asked = {"prompt": f"Where is {item}?", "sampled": [item]}
        found += [
            {"sample_id": item, "type": "sampling", "data": asked},
            {"sample_id": item, "type": "metrics", "data": numbers},
        ]
    return lines(folder / f"{model}.jsonl", [*found, {"final_report": {}}])


def inspect_scorers(folder: Path, model: str, metrics: list[Metric]) -> Path:
    """A scorer for each metric."""
    return inspect_log(
        folder,
        model,
        [{name: {"value": n} for name, n in each.items()} for _, each in graded(model, metrics)],
    )


def inspect_values(folder: Path, model: str, metrics: list[Metric]) -> Path:
    """One scorer, of a grade's name, with a value for each metric."""
    return inspect_log(
        folder, model, [{"exact_match": {"value": each}} for _, each in graded(model, metrics)]
    )


def inspect_log(folder: Path, model: str, scores: list[dict]) -> Path:
    samples = [
        {
            "id": item,
            "epoch": 1,
            "input": f"Where is {item}?",
            "target": item,
            "messages": [],
            "output": {"model": model, "choices": []},
            "scores": score,
        }
        for item, score in zip(ITEMS, scores)
    ]
    spec = {"task": "towns", "model": model, "created": "2026-01-01", "dataset": {}, "config": {}}
    return dump(
        folder / f"{model}.json",
        {"version": 2, "status": "success", "eval": spec, "plan": {}, "samples": samples},
    )


WRITERS: dict[str, tuple[str, Callable[[Path, str, list[Metric]], Path]]] = {
    "every-eval-ever": ("every-eval-ever", every_eval_ever),
    "openai-evals": ("openai-evals", openai_evals),
    "inspect-scorers": ("inspect", inspect_scorers),
    "inspect-values": ("inspect", inspect_values),
}


def table(folder: Path, model: str, metrics: list[Metric]) -> Path:
    rows = [{"town": item, **numbers} for item, numbers in graded(model, metrics)]
    return dump(folder / f"{model}.json", rows)


MAPS = ("--map", "item=town", "--map", "score=wer", "--benchmark-id", "towns")


def load(warehouse: Path, kind: str, path: Path, model: str, *more: object, cohort: str = "m"):
    reference = ["--is-reference"] if model == "ref" else []
    options = ("--quant-id", model, "--cohort", cohort, "--warehouse", warehouse)
    return qwh("ingest", kind, path, *options, *reference, *more)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Each tool's files, a cohort; and a table whose smaller numbers are better."""
    folder, warehouse = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("w")
    for name, (kind, write) in WRITERS.items():
        for model in WRONG:
            file = write(folder / name, model, [LATENCY, TOXICITY, WER, GRADE])
            done = load(warehouse, kind, file, model, cohort=name)
            assert done.exit_code == 0, done.stderr
            assert "accuracy (there are also" in done.stdout, done.stdout
    for model in WRONG:
        file, more = table(folder, model, [WER]), (*MAPS, "--smaller-is-better")
        done = load(warehouse, "generic", file, model, *more, cohort="table")
        assert done.exit_code == 0, done.stderr
    done = qwh("build", "--warehouse", warehouse)
    assert done.exit_code == 0, done.stderr
    return warehouse


@pytest.mark.parametrize("name", [*WRITERS, "table"])
def test_a_grade_goes_before_all_that_stands_before_it(built, name):
    found = query(
        built,
        f"select score_ref, score from fct_disagreements where cohort_id = '{name}'"
        " and scoring = 'answered'",
    )
    assert found == [pytest.approx((ACCURACY["ref"], ACCURACY["q4"]))]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("metric", [LATENCY, TOXICITY, WER])
def test_what_is_better_smaller_is_never_taken_silently(tmp_path, name, metric):
    (kind, write), picked = WRITERS[name], metric == WER
    for metrics, pick in [([metric], None), ([GRADE, metric], metric[0])][: 1 + picked]:
        file = write(tmp_path, "q4", metrics)
        picks = {
            "inspect-scorers": f"scorer={pick}",
            "every-eval-ever": f"metric=towns/{pick}",
        }
        more = ("--pick", picks.get(name, f"metric={pick}")) if pick else ()
        done = load(tmp_path / "w", kind, file, "q4", *more)
        assert done.exit_code == ExitCode.BAD_INPUT and not done.stdout
        assert f"{metric[0]} is better where it is smaller" in done.stderr, done.stderr
        assert "--smaller-is-better" in done.stderr


@pytest.mark.parametrize("name", ["every-eval-ever", "openai-evals"])
def test_a_number_of_no_known_name_gives_way_to_a_grade(tmp_path, name):
    kind, write = WRITERS[name]
    done = load(tmp_path / "w", kind, write(tmp_path, "q4", [UNKNOWN, GRADE]), "q4")
    assert done.exit_code == 0 and "accuracy (there are also" in done.stdout, done.stderr


def test_an_aggregate_names_metrics_whose_ids_say_nothing(tmp_path):
    file = every_eval_ever(tmp_path, "q4", [("m1", 0.5, 0.5), ("m2", 0.0, 1.0), ("m3", 1.0, 0.0)])
    told = [
        {
            "evaluation_result_id": f"towns/{each}",
            "evaluation_name": "towns",
            "metric_config": config,
        }
        for each, config in (
            ("m1", {"metric_name": "Latency", "lower_is_better": True}),
            ("m2", {"metric_id": "wordErrorRate"}),
            ("m3", {"metric_name": "Exact match", "lower_is_better": False}),
        )
    ]
    dump(
        file.with_name("0a.json"),
        {"schema_version": "0.3.0", "evaluation_id": "x", "evaluation_results": told},
    )
    done = load(tmp_path / "w", "every-eval-ever", file, "q4")
    assert done.exit_code == 0 and "score: towns/m3 (there are also" in done.stdout, done.stderr
    for metric in ("m1", "m2"):
        done = load(
            tmp_path / "w", "every-eval-ever", file, "q4", "--pick", f"metric=towns/{metric}"
        )
        assert f"towns/{metric} is better where it is smaller" in done.stderr


SMALLER = (
    "wer CER perplexity ppl loss nll error errors brier latency seconds time duration edit_distance"
    " editDistance error_rate val-loss metrics.wer wer.value incorrect failed"
)


@pytest.mark.parametrize("column", SMALLER.split())
def test_a_mapped_columns_name_tells_that_smaller_is_better(tmp_path, column):
    file = table(tmp_path, "q4", [(column, 0, 1)])
    maps = ("--map", "item=town", "--map", f"score={column}", "--benchmark-id", "towns")
    done = load(tmp_path / "w", "generic", file, "q4", *maps)
    assert done.exit_code == ExitCode.BAD_INPUT and not done.stdout
    assert f"{column} is better where it is smaller: give --smaller-is-better" in done.stderr


def test_words_that_the_user_names_say_more_than_a_columns_name(tmp_path):
    file = table(tmp_path, "q4", [("wer", "low", "high")])  # type: ignore[list-item]
    more = (*MAPS, "--map", "right=low", "--map", "wrong=high", "--dry-run")
    done = load(tmp_path / "w", "generic", file, "q4", *more)
    assert done.exit_code == 0 and "8 samples of 8 prompts" in done.stdout, done.stderr


GROWING = ["accuracy", "score", "time_correct", "loss.acc", "reward", "f1"]


@pytest.mark.parametrize("column", GROWING)
def test_columns_that_grow_with_quality_are_taken_as_they_are(tmp_path, column):
    maps = ("--map", "item=town", "--map", f"score={column}", "--dry-run")
    done = load(tmp_path / "w", "generic", table(tmp_path, "q4", [(column, 1, 0)]), "q4", *maps)
    assert done.exit_code == 0 and f"score: {column}" in done.stdout, done.stderr
