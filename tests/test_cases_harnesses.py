"""HELM's, inspect's, evalplus' and lighteval's outputs through the command line, case by case."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import query, qwh
from harness_cases import CASES, USUAL, Counts, counted, disagreements
from harness_files import archive, members
from harness_older import older_evalplus, older_lighteval

FOLDERS = {  # cohort -> kind, folder or files of the reference and of the quant
    "dict": ("inspect", "04-inspect-dict-score/ref.eval", "04-inspect-dict-score/q4.eval"),
    "retry": ("inspect", "07-inspect-retry/ref", "07-inspect-retry/q4"),
    "classes": ("helm", "05-helm-two-metric-classes/ref", "05-helm-two-metric-classes/q4"),
    "splits": ("helm", "10-helm-splits-and-copies/ref", "10-helm-splits-and-copies/q4"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[object, object]:
    """What each import said, and under "warehouse" the built folder with a cohort per case."""
    warehouse = tmp_path_factory.mktemp("harnesses")
    said: dict[object, object] = {"warehouse": warehouse}

    def ingest(cohort: str, kind: str, name: str, path: Path, *more: object) -> None:
        more = (*more, "--is-reference") if name == "ref" else more
        into = ("--quant-id", name, "--cohort", cohort, "--warehouse", warehouse)
        said[cohort, name] = done = qwh("ingest", kind, path, *into, *more)
        assert done.exit_code == 0, done.stderr

    for cohort, (kind, *paths) in FOLDERS.items():
        for name, path in zip(("ref", "q4"), paths):
            ingest(cohort, kind, name, CASES / path)
    for name in ("ref", "q4"):
        folder = CASES / "10-helm-splits-and-copies" / name
        ingest("valid", "helm", name, folder, "--pick", "split=valid")
        ingest("copies", "helm", name, folder, "--pick", "perturbation=robustness")
        older = tmp_path_factory.mktemp(f"older-{name}")
        ingest("evalplus", "auto", name, older_evalplus(older / "evalplus", name))
        for form in ("struct", "text"):
            made = older_lighteval(older / form, name, form)
            ingest(f"lighteval-{form}", "auto", name, made)
    built = qwh("build", "--warehouse", warehouse)
    assert built.exit_code == 0, built.stderr
    return said


def close(found: Counts, expected: Counts) -> bool:
    return found == pytest.approx(expected, abs=1e-12)


def helm_means(folder: str, metric: str, split: str, copy: bool) -> dict[object, float]:
    """instance -> the metric's mean, of one split, as they are or of the copies."""
    (path,) = (CASES / folder).rglob("per_instance_stats.json")
    return {
        entry["instance_id"]: stat["mean"]
        for entry in json.loads(path.read_text())
        if bool(entry.get("perturbation")) == copy
        for stat in entry["stats"]
        if stat["name"]["name"] == metric and stat["name"]["split"] == split
    }


def inspect_values(path: Path, value) -> dict[object, float]:
    summaries = json.loads(members(path)["summaries.json"])
    return {entry["id"]: value(entry["scores"]) for entry in summaries}


def test_of_several_values_the_grade_is_taken(said):
    ref, q4 = (
        inspect_values(CASES / path, lambda scores: scores["both"]["value"]["ok"])
        for path in FOLDERS["dict"][1:]
    )
    assert close(disagreements(said, "dict")["both"], counted(ref, q4))
    assert close(counted(ref, q4), Counts(8, 0.75, 0.625, 1, 2))
    assert "both: ok" in said["dict", "q4"].stdout and "len" in said["dict", "q4"].stdout


def test_without_a_grade_the_values_are_named(tmp_path):
    files = members(CASES / "04-inspect-dict-score" / "q4.eval")
    summaries = json.loads(files["summaries.json"])
    for entry in summaries:
        entry["scores"]["both"]["value"] = {"letters": 3, "words": 2}
    files["summaries.json"] = json.dumps(summaries).encode()
    (tmp_path / "words.eval").write_bytes(archive(files))
    asked = ("--cohort", "c", "--quant-id", "q", "--warehouse", tmp_path / "w")
    done = qwh("ingest", "inspect", tmp_path / "words.eval", *asked)
    assert done.exit_code == 4 and "letters, words" in done.stderr and "--pick" in done.stderr
    help_text = qwh("ingest", "inspect", "--help").stdout
    assert "metric" in help_text and "scorer" in help_text


def test_of_several_tries_the_successful_last_one_counts(said):
    def match(scores: dict) -> float:
        return float(scores["match"]["value"] == "C")

    ref, q4 = (
        inspect_values(max((CASES / path).glob("*.eval")), match) for path in FOLDERS["retry"][1:]
    )
    expected = counted(ref, q4)
    assert close(expected, Counts(8, 0.75, 0.625, 1, 2))
    assert close(disagreements(said, "retry")["retried"], expected)
    assert "status is error" in said["retry", "q4"].stderr
    assert query(
        said["warehouse"], "select distinct status from stg_runs where cohort_id = 'retry'"
    ) == [("complete",)]


def test_entries_of_one_instance_are_joined(said):
    ref, q4 = (helm_means(path, "f1_score", "test", False) for path in FOLDERS["classes"][1:])
    assert close(disagreements(said, "classes")["qa:subject=capitals"], counted(ref, q4))
    assert close(counted(ref, q4), USUAL)
    assert "f1_score" in said["classes", "q4"].stdout
    assert "bias_metric:x" in said["classes", "q4"].stdout
    assert "occurs again" not in said["classes", "q4"].stderr


@pytest.mark.parametrize(
    ("cohort", "split", "copy", "counts"),
    [
        ("splits", "test", False, Counts(8, 0.875, 0.75, 0, 1)),
        ("valid", "valid", False, None),
        ("copies", "test", True, None),
    ],
)
def test_split_and_copies(said, cohort, split, copy, counts):
    ref, q4 = (helm_means(path, "exact_match", split, copy) for path in FOLDERS["splits"][1:])
    expected = counted(ref, q4)
    assert close(disagreements(said, cohort)["geo:subject=capitals"], expected)
    assert counts is None or close(expected, counts)


def test_what_is_passed_over_is_said(said):
    stderr = said["splits", "q4"].stderr
    assert "split valid (4 instances) is not taken" in stderr and "--pick split=valid" in stderr
    assert "perturbation robustness (8 instances)" in stderr


@pytest.mark.parametrize("cohort", ["evalplus", "lighteval-struct", "lighteval-text"])
def test_older_versions(said, cohort):
    (found,) = disagreements(said, cohort).values()
    assert close(found, USUAL)


def test_benchmarks_are_named_after_tasks_alone(said):
    assert disagreements(said, "evalplus").keys() == {"humaneval+"}
    assert disagreements(said, "lighteval-text").keys() == {"leaderboard|capitals"}


def test_two_models_in_one_folder_are_refused(tmp_path):
    for kind, case, words in (
        ("helm", "05-helm-two-metric-classes", ("org/model-ref", "org/model-q4")),
        ("helm", "10-helm-splits-and-copies", ("org/model-ref", "org/model-q4")),
    ):
        done = qwh(
            *("ingest", kind, CASES / case, "--cohort", "c", "--quant-id", "q"),
            *("--warehouse", tmp_path / "w"),
        )
        assert done.exit_code == 4 and all(word in done.stderr for word in words)


def test_two_models_of_older_versions_are_refused(tmp_path):
    for name in ("ref", "q4"):
        older_evalplus(tmp_path / "evalplus", name)
        older_lighteval(tmp_path / "lighteval", name, "text")
    for kind in ("evalplus", "lighteval"):
        for more in ((), ("--dry-run",)):
            done = qwh(
                *("ingest", kind, tmp_path / kind, "--cohort", "c", "--quant-id", "q"),
                *("--warehouse", tmp_path / "w", *more),
            )
            assert done.exit_code == 4
            assert "model-ref" in done.stderr and "model-q4" in done.stderr


def test_json_and_eval_logs_are_read_from_folders_below(tmp_path):
    fixtures = CASES.parent / "harness" / "inspect"
    (tmp_path / "logs" / "deep").mkdir(parents=True)
    shutil.copy(fixtures / "plain.json", tmp_path / "logs" / "deep")
    asked = ("--cohort", "c", "--quant-id", "q", "--warehouse", tmp_path / "w")
    for kind in ("inspect", "auto"):
        done = qwh("ingest", kind, tmp_path / "logs", *asked, "--dry-run")
        assert done.exit_code == 0 and "12 samples" in done.stdout, done.stderr
