"""lighteval: details_<task>_<date>.parquet, of every version, and the results json beside them.

One Samples per task; facts come from results_<date>.json in the same output folder. Pick metric: by
default the first that is a grade. prompt_id is over what the model was given and the choices; of
several files of one task the newest counts.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...errors import BadFile
from .choices import Doubts
from .grades import rank, smaller_is_better
from .lighteval_choices import GRADES, options
from .lighteval_details import Details, opened
from .names import plain_name
from .picks import of_task
from .port import Picks, Sample, Samples, choose, text_id
from .untrusted.files import dated, existing, matching
from .untrusted.json_plain import at, graded
from .untrusted.json_typed import settings_file


def recognises(path: Path, head: bytes) -> bool:
    """An output folder with details, or a details file."""
    if path.is_dir():
        return any(path.glob("details/**/details_*.parquet")) or any(path.glob("details_*.parquet"))
    return head[:4] == b"PAR1" and path.name.startswith("details_")


def read(path: Path, picks: Picks) -> Iterator[Samples]:
    """The answers to each task. Raises BadFile."""
    path = existing(path)
    if path.is_file():
        yield _task(path, picks, 0)
        return
    newest: dict[tuple[Path, str], list[Path]] = {}
    for file in matching(path, "**/details_*.parquet", "run lighteval with --save-details"):
        name, date = dated(file)
        folder = file.parent.parent if date == file.parent.name else file.parent
        newest.setdefault((folder, name), []).append(file)
    tasks = [_task(files[-1], picks, len(files) - 1) for files in newest.values()]
    models = dict.fromkeys(task.model_name for task in tasks)
    if len(models) > 1:
        raise BadFile(
            path,
            "as a whole",
            f"it holds details of {len(models)} models: {', '.join(map(str, list(models)[:10]))}",
            "give the files of one",
        )
    yield from tasks


def _task(path: Path, picks: Picks, older: int) -> Samples:
    details = opened(path)
    name, date = dated(path)
    task = name.removeprefix("details_") or name
    results = _results(path, date)
    config, general = at(results, "config_tasks", task), at(results, "config_general")
    spreads, higher = details.spreads(), _higher(config)
    smaller = {
        name: not higher[name] if name in higher else smaller_is_better(name) for name in spreads
    }
    there = sorted(spreads, key=lambda name: rank(name, spreads[name], smaller[name]))
    task_name = task.rpartition("|")[0]
    asked = of_task(picks, task_name or task).get("metric")
    metric = choose(path, "metric", asked, there)
    left_out = Counter({"a file of an earlier run": older} if older else {})
    doubts = Doubts()
    model = at(general, "model_name")
    return Samples(
        benchmark_id=task_name or task,
        harness=_harness(task, metric, config, general),
        rows=_rows(details, metric, left_out, doubts),
        model_name=plain_name(model) if isinstance(model, str) else _model(path),
        metric=metric,
        other_metrics=[name for name in there if name != metric],
        smaller_is_better=smaller[metric],
        facts={
            "date_id": date,
            **_known(general, "lighteval_sha", "max_samples", "num_fewshot_seeds"),
            **_known(config, "hf_repo", "hf_subset", "hf_revision", "evaluation_splits"),
        },
        partial=_smoke(general),
        left_out=left_out,
        doubts=doubts,
    )


def _smoke(general: object) -> str | None:
    """Why a run is not of all documents, where it was told so."""
    most = at(general, "max_samples")
    return f"a part of the benchmark was asked, at most {most} documents" if most else None


def _harness(task: str, metric: str, config: object, general: object) -> dict:
    """What must agree between two runs; None where the file does not say."""
    task_name, _, fewshot = task.rpartition("|")
    named = task_name and fewshot.isdecimal() and len(fewshot) < 6
    generation = at(general, "model_config", "generation_parameters")
    if isinstance(generation, dict):
        generation = {key: value for key, value in generation.items() if value is not None}
    else:
        generation = None
    return {
        "harness": "lighteval",
        "num_fewshot": int(fewshot) if named else at(config, "num_fewshots"),
        "metric": metric,
        "system_prompt": at(general, "model_config", "system_prompt"),
        "generation": generation,
        **{
            key: at(config, key)
            for key in ("version", "generation_size", "stop_sequence", "num_samples")
        },
    }


def _known(found: object, *keys: str) -> dict:
    """Those of the keys that have a value."""
    return {key: value for key in keys if (value := at(found, key)) is not None}


def _rows(
    details: Details, metric: str, left_out: Counter[str], doubts: Doubts
) -> Iterator[Sample]:
    """Every document with a finite score, the first where one occurs twice."""
    seen: set[tuple[str, str]] = set()
    with details.file:
        for number, row in enumerate(details.rows({metric, *GRADES})):
            doc, response, values = row
            query, given = doc.get("query"), response.get("input")
            if not isinstance(query, str) and given is None:
                raise BadFile(
                    details.path,
                    f"row {number}",
                    "it has neither a query nor an input",
                    "give the file as the tool wrote it",
                )
            score = graded(values.get(metric))
            item = str(doc.get("id") if doc.get("id") not in (None, "") else number)
            prompt_id = _prompt_id(doc, given)
            if score is None:
                left_out[f"its {metric} is not a finite number"] += 1
                continue
            if (item, prompt_id) in seen:
                left_out["a document that occurs again"] += 1
                continue
            seen.add((item, prompt_id))
            if given:
                query = given if isinstance(given, str) else _json(given)
            answer, tokens = _answer(response)
            choices = options(row, item, doubts)
            sample = Sample(item, prompt_id, 0, score, "all", query, _expected(doc), answer, tokens)
            yield sample._replace(choices=choices)


def _prompt_id(doc: dict, given: object) -> str:
    """Over what the model was given and the choices.

    Where the input was not kept, what it was made from says as much.
    """
    if given:
        return text_id(*map(_json, ("input", given, doc.get("choices"))))
    made_from = ("instruction", "fewshot_samples", "query", "choices")
    return text_id(*map(_json, ("doc", *(doc.get(key) for key in made_from))))


def _answer(response: dict) -> tuple[str | None, int | None]:
    """The first generated text and its tokens, or the choices' log-probabilities as JSON."""
    texts = response.get("text_post_processed") or response.get("text")
    if isinstance(texts, list) and texts:
        text = texts[0] if isinstance(texts[0], str) else _json(texts[0])
        match response.get("output_tokens"):
            case [list() as tokens, *_]:
                return text, len(tokens)
        return text, None
    return (_json(response["logprobs"]) if response.get("logprobs") else None), None


def _expected(doc: dict) -> str | None:
    """The gold choice, or a JSON list of them."""
    gold, choices = doc.get("gold_index"), doc.get("choices")
    if not isinstance(choices, list):
        golds = doc.get("gold")
        only = golds[0] if isinstance(golds, list) and len(golds) == 1 else None
        return only if isinstance(only, str) or not golds else _json(golds)
    right = [
        choices[index]
        for index in (gold if isinstance(gold, list) else [gold])
        if isinstance(index, int) and 0 <= index < len(choices)
    ]
    if len(right) == 1 and isinstance(right[0], str):
        return right[0]
    return _json(right) if right else None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _higher(config: object) -> dict[str, bool]:
    """Whether higher is better, by metric, where a task says."""
    metrics, higher = at(config, "metrics"), dict[str, object]()
    for metric in metrics if isinstance(metrics, list) else []:
        name, said = at(metric, "metric_name"), at(metric, "higher_is_better")
        higher |= said if isinstance(said, dict) else {name: said}
    return {name: said for name, said in higher.items() if isinstance(said, bool)}


def _results(path: Path, date: str | None) -> dict:
    """The results json of the same run: details/MODEL/DATE/FILE has it in results/MODEL, before 0.2
    in details/MODEL. {} without one.
    """
    name, places = f"results_{date}.json", [path.parent]
    out = next((parent.parent for parent in path.parents if parent.name == "details"), None)
    if out and path.parent.name == date:
        places = [
            out / "results" / path.parent.parent.relative_to(out / "details"),
            path.parent.parent,
        ]
    for file in (place / name for place in places):
        if file.is_file() and not file.is_symlink():
            return settings_file(file)
    return {}


def _model(path: Path) -> str | None:
    """The folders between details and the date."""
    out = next((parent for parent in path.parents if parent.name == "details"), None)
    return str(path.parent.parent.relative_to(out)) if out and path.parent != out else None
