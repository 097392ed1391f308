"""Harness files that were changed without harm: the same scores or a refusal, never others."""

import json
import random
from pathlib import Path

import pytest
from harness_cases import CASES, lines, only
from harness_files import archive, members, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qwh.errors import QwhError
from qwh.ingest.readers import helm, inspect_ai, lm_eval
from qwh.ingest.readers.port import Samples

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 2**32)
LM_EVAL = {  # samples file -> a document's score
    only(CASES / "01-ruler-minus-one/q4", "samples*"): lambda line: line[
        str(line["doc"]["max_length"])
    ],
    only(CASES / "02-truthfulqa-gen-bleu/ref", "samples*"): lambda line: line["bleu_acc"],
    only(CASES / "03-lambada-no-results/q4", "samples*"): lambda line: line["acc"],
    only(CASES / "14-lmms-eval-date-first/q4", "*.jsonl"): lambda line: line["mmmu_acc"],
    only(CASES / "21-lm-eval-repeats/q4", "samples*"): lambda line: line["exact_match"],
    only(CASES / "08-lm-eval-before-0.4.3/array/q4", "*.jsonl"): lambda line: line["exact_match"],
}
UNKNOWN = {  # a column that somebody added
    "answer_length": 0.5,
    "latency": 1,
    "toxicity": 0.25,
    "num_tokens": 1,
    "note": "x",
    "extra": {"a": 1},
    "perplexity": 0.75,
    "bleu": 0.5,
    "missing": None,
}


def means(found: list[tuple[Samples, list]]) -> dict[str, dict[str, float]]:
    """benchmark -> item -> mean score."""
    benchmarks: dict[str, dict[str, float]] = {}
    for samples, rows in found:
        scores: dict[str, list[float]] = {}
        for row in rows:
            scores.setdefault(row.item, []).append(row.score)
        benchmarks[samples.benchmark_id] = {
            item: sum(each) / len(each) for item, each in scores.items()
        }
    return benchmarks


def shuffled(rng: random.Random, found: dict) -> dict:
    items = list(found.items())
    rng.shuffle(items)
    return dict(items)


def lines_again(entries: list[dict], rng: random.Random) -> str:
    """The same lines in another writing: one array, other line ends, spaces, a prefix on each."""
    writing = rng.choice(["array", "lines", "crlf", "indented", "prefixed"])
    if writing in ("array", "indented"):
        return json.dumps(entries, indent=2 if writing == "indented" else None)
    ends = "\r\n" if writing == "crlf" else "\n"
    prefix = "web-1  | " if writing == "prefixed" else ""
    return "".join(
        prefix + json.dumps(entry, ensure_ascii=rng.random() < 0.5) + ends for entry in entries
    )


@pytest.mark.parametrize("path", LM_EVAL, ids=lambda path: path.name[:24])
@QUICK
@given(seed=SEEDS)
def test_lm_eval(tmp_path_factory, path, seed):
    rng, entries = random.Random(seed), lines(path)
    expected = {str(line["doc_id"]): pytest.approx(LM_EVAL[path](line)) for line in entries}
    unlisted = "metrics" not in entries[0]
    if rng.random() < 0.5:
        name = rng.choice(list(UNKNOWN))
        entries = [{**entry, name: entry.get(name, UNKNOWN[name])} for entry in entries]
    if rng.random() < 0.5 and not unlisted:
        entries = [
            entry | {"metrics": rng.sample(entry["metrics"], len(entry["metrics"]))}
            for entry in entries
        ]
    if rng.random() < 0.3:
        for entry in entries:
            entry.pop("metrics", None)
    rng.shuffle(entries)
    keep = rng.random() < 0.3
    entries = [entry if keep else shuffled(rng, entry) for entry in entries]
    folder = tmp_path_factory.mktemp("mutated")
    copy = folder / path.name
    copy.write_text(lines_again(entries, rng))
    for beside in path.parent.glob("*results*"):
        if rng.random() < 0.5 and beside != path:
            (folder / beside.name).write_bytes(beside.read_bytes())
    try:
        (scores,) = means(read(lm_eval, copy)).values()
    except QwhError:
        return
    assert scores == expected


@QUICK
@given(seed=SEEDS)
def test_helm(tmp_path_factory, seed):
    rng = random.Random(seed)
    case, metric = rng.choice(
        [("05-helm-two-metric-classes", "f1_score"), ("10-helm-splits-and-copies", "exact_match")]
    )
    (path,) = (CASES / case / "q4").rglob("per_instance_stats.json")
    entries = json.loads(path.read_text())
    expected = {
        entry["instance_id"]: stat["mean"]
        for entry in entries
        if not entry.get("perturbation")
        for stat in entry["stats"]
        if stat["name"]["name"] == metric and stat["name"]["split"] == "test"
    }
    cut = [entry | {"stats": [stat]} for entry in entries for stat in entry["stats"]]
    entries = cut if rng.random() < 0.5 else entries
    if rng.random() < 0.5:
        for entry in entries:
            split = entry["stats"][0]["name"]["split"]
            name = rng.choice(["num_bytes", "inference_runtime", "toxicity"])
            entry["stats"].insert(0, {"name": {"name": name, "split": split}, "mean": 0.5})
    rng.shuffle(entries)
    folder = tmp_path_factory.mktemp("helm") / path.parent.name
    folder.mkdir()
    (folder / path.name).write_text(json.dumps([shuffled(rng, entry) for entry in entries]))
    if rng.random() < 0.7:
        (folder / "run_spec.json").write_bytes(path.with_name("run_spec.json").read_bytes())
    try:
        (scores,) = means(_taken(helm, folder)).values()
    except QwhError:
        return
    if metric == "f1_score" or (folder / "run_spec.json").exists():
        assert scores == expected


@QUICK
@given(seed=SEEDS)
def test_inspect(tmp_path_factory, seed):
    rng = random.Random(seed)
    files = members(CASES / "04-inspect-dict-score" / "q4.eval")
    summaries = json.loads(files["summaries.json"])
    expected = {str(entry["id"]): entry["scores"]["both"]["value"]["ok"] for entry in summaries}
    added = rng.choice([{}, {"words": 1}, {"seconds": 0.5}, {"nested": {"a": 1}}, {"note": "x"}])
    for entry in summaries:
        scores = entry["scores"]
        scores["both"]["value"] = shuffled(rng, scores["both"]["value"] | added)
        if rng.random() < 0.5:
            entry["scores"] = shuffled(rng, scores | {"length": {"value": 7}})
    rng.shuffle(summaries)
    files["summaries.json"] = json.dumps([shuffled(rng, entry) for entry in summaries]).encode()
    path = tmp_path_factory.mktemp("inspect") / "log.eval"
    path.write_bytes(archive(files))
    try:
        (scores,) = means(read(inspect_ai, path)).values()
    except QwhError:
        return
    assert scores == expected


def _taken(reader, path: Path) -> list[tuple[Samples, list]]:
    """What a reader takes, without what it passes over."""
    found = [found for found in reader.read(path, {}) if isinstance(found, Samples)]
    return [(samples, list(samples.rows)) for samples in found]


@QUICK
@given(seed=SEEDS)
def test_a_second_model_in_the_folder(tmp_path_factory, seed):
    rng = random.Random(seed)
    path = only(CASES / "08-lm-eval-before-0.4.3/lines-in-json/q4", "samples*")
    results = json.loads(only(path.parent, "results*").read_text())
    folder, other = tmp_path_factory.mktemp("two"), dict(results)
    name = rng.choice(["org/model-q4", "org/model-q8", "model-q4"])
    arguments = rng.choice(["", ",load_in_4bit=True", ",batch_size=8", ",revision=main"])
    other |= {"model_name": name, "config": {"model_args": f"pretrained={name}{arguments}"}}
    date = "2025-07-01T00-00-00.000001"
    where = rng.choice([folder, folder / "below"])
    where.mkdir(exist_ok=True)
    (folder / path.name).write_bytes(path.read_bytes())
    (folder / only(path.parent, "results*").name).write_text(json.dumps(results))
    wrong = [line | {"exact_match": 0.25} for line in lines(path)]
    (where / f"samples_other_like_{date}.jsonl").write_text("\n".join(map(json.dumps, wrong)))
    (where / f"results_{date}.json").write_text(json.dumps(other))
    same = name == "org/model-q4" and arguments in ("", ",batch_size=8")
    try:
        found = means(_taken(lm_eval, folder))
    except QwhError as error:
        assert not same and "2 models" in str(error)
        return
    assert same and found.keys() == {"leaderboard_like", "other_like"}
