"""lm-eval's tasks: groups, many in one file, smoke runs, repeated prompts, files without a name."""

import json
from pathlib import Path

import pytest
from conftest import qwh
from harness_cases import CASES, lines, only
from harness_files import CHOICES, LM_EVAL, RESULTS, read, refused

from qwh.ingest.readers import lm_eval
from qwh.ingest.readers.port import NotTaken

DATE = "2026-03-01T10-00-00.000001"
SIZES = {"t_a": 6, "t_b": 2, "t_c": 4}
RIGHT = {"t_a": 5, "t_b": 0, "t_c": 3}


def written(folder: Path, results: dict, tasks: dict[str, int] = SIZES) -> Path:
    """A folder of runs of tasks, of which the first RIGHT documents are right."""
    folder.mkdir(exist_ok=True)
    (like,) = lines(only(CASES / "16-mmlu-as-many-benchmarks/q4", "samples_mmlu_law*"))[:1]
    for task, size in tasks.items():
        (folder / f"samples_{task}_{DATE}.jsonl").write_text(
            "".join(
                json.dumps(like | {"doc_id": doc, "acc": float(doc < RIGHT[task])}) + "\n"
                for doc in range(size)
            )
        )
    counts = {task: {"original": size, "effective": size} for task, size in SIZES.items()}
    results = {"results": {}, "n-samples": counts} | results
    (folder / f"results_{DATE}.json").write_text(json.dumps(results))
    return folder


def taken(path: Path, **picks: str) -> tuple[dict[str, float], dict[str, str]]:
    """benchmark -> mean score, and what is not taken -> why."""
    means, passed = dict[str, float](), dict[str, str]()
    for found in lm_eval.read(path, picks):
        if isinstance(found, NotTaken):
            passed[found.what] = found.why
        else:
            scores = [row.score for row in found.rows]
            means[found.benchmark_id] = sum(scores) / len(scores)
    return means, passed


def groups(figure: float, tree: dict[str, list[str]], *figures: str) -> dict:
    """A results json's groups, those in figures with the figure that the tool printed."""
    return {
        "group_subtasks": tree,
        "groups": {name: {"acc,none": figure, "alias": name} for name in figures},
    }


BY_SIZE, EQUALLY = 8 / 12, (5 / 6 + 0 + 3 / 4) / 3


def test_the_outermost_group_with_a_figure_counts(tmp_path):
    tree = {"all": ["stem", "t_c"], "stem": ["t_a", "t_b"], "t_a": []}
    found = written(tmp_path / "both", groups(BY_SIZE, tree, "all", "stem"))
    assert taken(found) == ({"all": pytest.approx(BY_SIZE)}, {})
    inner = {"group_subtasks": tree, "groups": {"stem": {"acc,none": 5 / 8}}}
    found = written(tmp_path / "inner", inner)
    assert taken(found)[0] == {"stem": pytest.approx(5 / 8), "t_c": pytest.approx(3 / 4)}
    # a tag without a figure is no group
    found = written(tmp_path / "tag", {"group_subtasks": tree})
    assert taken(found)[0].keys() == SIZES.keys()


def test_a_group_that_weighs_its_tasks_equally_stays_apart(tmp_path):
    tree = {"all": ["t_a", "t_b", "t_c"]}
    means, passed = taken(written(tmp_path / "out", groups(EQUALLY, tree, "all")))
    assert means.keys() == SIZES.keys()
    assert "weighs its tasks equally" in passed["group all"]


def test_a_group_of_which_tasks_are_missing_is_partial(tmp_path):
    tree = {"all": list(SIZES)}
    results = groups(BY_SIZE, tree, "all")
    ((samples, rows),) = read(lm_eval, written(tmp_path / "out", results, {"t_a": 6, "t_b": 2}))
    assert samples.benchmark_id == "all" and samples.partial == "2 of 3 tasks"
    assert [row.item for row in rows[5:7]] == ["t_a/5", "t_b/0"]
    assert {row.category for row in rows} == {"t_a", "t_b"}
    # the prompts are equal texts, and items of their own
    assert len({(row.category, row.item) for row in rows}) == len(rows) == 8


def test_groups_that_hold_each_other_end(tmp_path):
    tree = {"all": ["inner", "t_a"], "inner": ["all", "t_b"], "t_c": []}
    means, _ = taken(written(tmp_path / "out", groups(BY_SIZE, tree, "all", "inner")))
    assert sum(SIZES.values()) and "t_c" in means


def test_printed_scores_are_met_to_the_last_digit():
    totals = json.loads(RESULTS.read_text())["results"]
    for samples, rows in read(lm_eval, LM_EVAL):
        filter_ = samples.harness["filter"]
        printed = totals[samples.benchmark_id][f"{samples.metric},{filter_}"]
        assert sum(row.score for row in rows) / len(rows) == printed


@pytest.mark.parametrize("key", ["task", "task_name"])
def test_many_tasks_in_one_file(tmp_path, key):
    entries = []
    for task in ("arc_like", "zeta_like"):
        file = only(CASES / "09-one-task-stops-the-folder/q4", f"samples_{task}*")
        entries += [{key: task, **line} for line in lines(file)]
    entries += [
        {key: "wikitext", **line}
        for line in lines(only(CASES / "09-one-task-stops-the-folder/q4", "*wikitext*"))
    ]
    path = tmp_path / "all-of-q4.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    asked = ("--cohort", "c", "--quant-id", "q4", "--warehouse", tmp_path / "w")
    for dry in (("--dry-run",), ()):
        done = qwh("ingest", "auto", path, *asked, *dry)
        assert done.exit_code == 0, done.stderr
        assert "arc_like" in done.stdout and "zeta_like" in done.stdout
        assert "wikitext is not taken" in done.stderr and "another run" not in done.stderr
        assert "all-of-q4" not in done.stdout
    means, _ = taken(path)
    assert means == {"arc_like": 0.75, "zeta_like": 0.75}


def test_a_smoke_run_is_partial(tmp_path):
    counts = {"t_a": {"original": 1319, "effective": 6}}
    found = written(tmp_path / "out", {"n-samples": counts, "config": {"limit": 6}}, {"t_a": 6})
    ((samples, _),) = read(lm_eval, found)
    assert samples.partial == ("a part of the benchmark was asked, 6 of 1319 documents (--limit)")
    assert samples.facts["limit"] == 6 and samples.facts["documents"] == 1319


def test_a_later_smoke_run_beside_the_whole_one_does_not_count(tmp_path):
    folder = written(tmp_path / "out", {}, {"t_a": 6})
    later = (folder / f"samples_t_a_{DATE}.jsonl").read_text().splitlines(True)[4:]
    (folder / "samples_t_a_2026-04-01T10-00-00.000001.jsonl").write_text("".join(later))
    ((samples, rows),) = read(lm_eval, folder)
    assert len(rows) == 6 and samples.left_out == {"a file of another run": 1}


def test_a_renamed_file_asks_for_the_benchmarks_name(tmp_path):
    path = tmp_path / "q4.jsonl"
    path.write_bytes(CHOICES.read_bytes())
    asked = ("--cohort", "c", "--quant-id", "q4", "--warehouse", tmp_path / "w")
    done = qwh("ingest", "auto", path, *asked)
    assert done.exit_code == 2 and "--benchmark-id" in done.stderr
    done = qwh("ingest", "auto", path, *asked, "--benchmark-id", "tiny")
    assert done.exit_code == 0 and "tiny" in done.stdout, done.stderr
    (tmp_path / "q5.jsonl").write_bytes(CHOICES.read_bytes())
    refused(lm_eval, tmp_path, "does not tell the task")


def test_predict_only_and_correlations_are_refused_for_what_they_are(tmp_path):
    entries = lines(CHOICES)
    for metrics, words in (
        ({"metrics": []}, "--predict_only"),
        ({"metrics": ["bypass"], "bypass": 999}, "--predict_only"),
        ({"metrics": ["mcc"], "mcc": [0, 1]}, "mcc: exists only over all documents"),
        ({"metrics": ["f1", "bleu"], "f1": [0, 1], "bleu": ["a", "b"]}, "f1, bleu: exists only"),
    ):
        path = tmp_path / CHOICES.name
        path.write_text("".join(json.dumps(entry | metrics) + "\n" for entry in entries))
        asked = ("--cohort", "c", "--quant-id", "q4", "--warehouse", tmp_path / "w")
        done = qwh("ingest", "lm-eval", path, *asked)
        assert done.exit_code == 4 and words in done.stderr, done.stderr


def test_random_names_of_models_are_no_names(tmp_path):
    for name, arguments, expected in (
        ("1zupeg8w", None, None),
        ("1zupeg8w", {}, None),
        ("1zupeg8w", "pretrained=1zupeg8w", "1zupeg8w"),
        ("/data/models/m-q4", "pretrained=/data/models/m-q4", "m-q4"),
        ("org/m", "pretrained=org/m,gguf_file=m-Q4_K_M.gguf", "m-Q4_K_M"),
        ("org/m", "pretrained=org/m,load_in_4bit=True", "org/m,load_in_4bit=True"),
        (None, "base_url=http://x,model=org/m", "org/m"),
    ):
        results = {"model_name": name, "config": {"model_args": arguments}}
        ((samples, _),) = read(lm_eval, written(tmp_path / "out", results, {"t_a": 6}))
        assert samples.model_name == expected


def test_before_0_4_3_two_models_wrote_into_one_folder(tmp_path):
    for name in ("ref", "q4"):
        for file in (CASES / "08-lm-eval-before-0.4.3" / "array" / name).iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    refused(lm_eval, tmp_path, "pretrained__org__model-ref", "pretrained__org__model-q4")
    # the later run wrote over the results json: it is not of the other's model
    models = {}
    for path in tmp_path.glob("*.jsonl"):
        ((samples, _),) = read(lm_eval, path)
        assert samples.benchmark_id == "triviaqa_like"
        models[path.name.split("_tri")[0][-3:]] = samples.model_name
    assert models in ({"ref": None, "-q4": "org/model-q4"}, {"ref": "org/model-ref", "-q4": None})


def test_scores_within_objects_as_lmms_eval_writes_them(tmp_path):
    source = only(CASES / "14-lmms-eval-date-first/q4", "*.jsonl")
    entries = lines(source)
    for line in entries:
        line["mme_score"] = {"question_id": "a", "category": "b", "score": line.pop("mmmu_acc")}
        del line["exact_match"], line["prompt_hash"], line["arguments"], line["doc"]
        line["token_counts"] = [{"output_tokens": 3}]
    path = tmp_path / "20260102_130000_a1b2_samples_mme_like.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in entries))
    ((samples, rows),) = read(lm_eval, tmp_path)
    assert (samples.benchmark_id, samples.metric) == ("mme_like", "mme_score")
    assert sum(row.score for row in rows) == 9 and rows[0].answer == "A"
    assert rows[0].prompt == "<image>\nCapital of France?"


def test_an_empty_file_does_not_stop_the_others(tmp_path):
    folder = written(tmp_path / "out", {})
    (folder / f"samples_t_d_{DATE}.jsonl").write_text("")
    means, passed = taken(folder)
    assert means.keys() == SIZES.keys()
    assert passed == {f"samples_t_d_{DATE}.jsonl": "it holds no samples"}


def test_totals_alone_are_refused_as_such(tmp_path):
    (tmp_path / RESULTS.name).write_bytes(RESULTS.read_bytes())
    asked = ("--cohort", "c", "--quant-id", "q4", "--warehouse", tmp_path / "w")
    done = qwh("ingest", "auto", tmp_path / RESULTS.name, *asked)
    assert done.exit_code == 4 and "totals without single answers" in done.stderr
    done = qwh("ingest", "auto", tmp_path, *asked)
    assert done.exit_code == 4 and "--log_samples" in done.stderr
