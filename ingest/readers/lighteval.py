"""lighteval: details_<task>_<date>.parquet, with columns doc, metric and model_response.

Their names may stand between double underscores. One Samples per task; facts come from
results_<date>.json in the same output folder. Pick metric: by default the first number. prompt_id
is over what the model was given and the choices; of several files of one task the newest counts.
"""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import BadFile
from .port import Picks, Sample, Samples, choose, text_id
from .untrusted.archives import MAX_RATIO, RATIO_FROM
from .untrusted.files import MIB, dated, existing, matching
from .untrusted.json_plain import at, graded
from .untrusted.json_typed import settings_file

COLUMNS = ("doc", "metric", "model_response")
WANTED = {
    "doc": ("query", "choices", "gold_index", "id", "task_name", "instruction", "fewshot_samples"),
    "model_response": ("input", "text", "text_post_processed", "logprobs", "output_tokens"),
}
# one row group, unpacked; of it only pages of the wanted columns are in memory at a time
MAX_GROUP = 512 * MIB
# rows that are Python objects at a time; a long text is stored once and comes out in every row that
# has it
BATCH = 32
# what pyarrow raises on damaged files
DAMAGED = (
    pa.ArrowException,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    MemoryError,
    RecursionError,
)


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
    for files in newest.values():
        yield _task(files[-1], picks, len(files) - 1)


def _task(path: Path, picks: Picks, older: int) -> Samples:
    details = _open(path)
    name, date = dated(path)
    task = name.removeprefix("details_") or name
    results = _results(path, date)
    config, general = at(results, "config_tasks", task), at(results, "config_general")
    lower = _lower(config)
    metric = choose(
        path,
        "metric that grows with quality",
        picks.get("metric"),
        [number for number in details.numbers() if number not in lower],
    )
    left_out = Counter({"a file of an earlier run": older} if older else {})
    task_name = task.rpartition("|")[0]
    model = at(general, "model_name")
    return Samples(
        benchmark_id=task_name or task,
        harness=_harness(task, metric, config, general),
        rows=_rows(details, metric, left_out),
        model_name=model if isinstance(model, str) else _model(path),
        facts={
            "date_id": date,
            **_known(general, "lighteval_sha", "max_samples", "num_fewshot_seeds"),
            **_known(config, "hf_repo", "hf_subset", "hf_revision", "evaluation_splits"),
        },
        left_out=left_out,
    )


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


class _Details(NamedTuple):
    """A details file that is open."""

    path: Path
    file: pq.ParquetFile
    columns: dict[str, str]  # COLUMNS -> the file's own names of them

    def numbers(self) -> list[str]:
        """The metrics that are numbers or truth values."""
        return [
            field.name
            for field in self.file.schema_arrow.field(self.columns["metric"]).type
            if pa.types.is_integer(field.type)
            or pa.types.is_floating(field.type)
            or pa.types.is_boolean(field.type)
        ]


def _open(path: Path) -> _Details:
    """Raises BadFile if it is no details file, or claims more than it can hold."""
    try:
        file = pq.ParquetFile(path)
        there = {field.name: field.type for field in file.schema_arrow}
        rows, groups = file.metadata.num_rows, file.metadata.num_row_groups
    except DAMAGED as error:
        raise BadFile(path, "at its end", f"no Parquet table: {error}", "fetch it again") from None
    columns = {name: own for name in COLUMNS for own in (name, f"__{name}__") if own in there}
    missing = [
        name
        for name in COLUMNS
        if name not in columns or not pa.types.is_struct(there[columns[name]])
    ]
    if missing:
        raise BadFile(
            path,
            "its columns",
            f"there is no {', '.join(missing)} with fields in it",
            "give a details file of lighteval 0.8 or later",
        )
    if not 0 <= rows <= path.stat().st_size or groups > rows + 1:
        raise BadFile(
            path,
            "at its end",
            f"{rows:,} rows in {groups:,} groups are claimed, in {path.stat().st_size:,} bytes",
            "fetch it again",
        )
    return _Details(path, file, columns)


def _batches(details: _Details, metric: str) -> Iterator[list[dict]]:
    """Rows as Python objects, BATCH at a time, of the wanted columns only.

    Raises BadFile naming the row group.
    """
    path, file, columns = details
    wanted = [
        f"{columns[name]}.{field.name}"
        for name, fields in WANTED.items()
        for field in file.schema_arrow.field(columns[name]).type
        if field.name in fields
    ]
    wanted.append(f"{columns['metric']}.{metric}")
    limit = min(MAX_GROUP, max(RATIO_FROM, MAX_RATIO * path.stat().st_size))
    for group in range(file.metadata.num_row_groups):
        place = f"row group {group}"
        try:
            # of single columns nothing is asked: on damaged files that ends the process
            size = file.metadata.row_group(group).total_byte_size
            if size > limit:
                raise BadFile(
                    path,
                    place,
                    f"{size:,} bytes when unpacked, where at most {limit:,} are",
                    "give the file as the tool wrote it",
                )
            for batch in file.iter_batches(
                BATCH, row_groups=[group], columns=wanted, use_threads=False
            ):
                yield batch.to_pylist()
        except DAMAGED as error:
            raise BadFile(
                path, place, str(error) or type(error).__name__, "fetch it again"
            ) from None


def _rows(details: _Details, metric: str, left_out: Counter[str]) -> Iterator[Sample]:
    """Every document with a finite score, the first where one occurs twice."""
    seen: set[tuple[str, str]] = set()
    with details.file:
        rows = chain.from_iterable(_batches(details, metric))
        for number, row in enumerate(rows):
            doc, response, values = (
                row.get(details.columns[name]) or {} for name in ("doc", "model_response", "metric")
            )
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
            yield Sample(item, prompt_id, 0, score, "all", query, _expected(doc), answer, tokens)


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
        return None
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


def _lower(config: object) -> set[str]:
    """Names of a task's metrics that are better when smaller."""
    metrics, lower = at(config, "metrics"), set[str]()
    for metric in metrics if isinstance(metrics, list) else []:
        name, higher = at(metric, "metric_name"), at(metric, "higher_is_better")
        if higher is False and isinstance(name, str):
            lower.add(name)
        elif isinstance(higher, dict):
            lower |= {name for name, is_higher in higher.items() if is_higher is False}
    return lower


def _results(path: Path, date: str | None) -> dict:
    """The results json of the same run: details/MODEL/DATE/FILE has it in results/MODEL.

    {} without one.
    """
    out = next((parent.parent for parent in path.parents if parent.name == "details"), None)
    file = (
        out / "results" / path.parent.parent.relative_to(out / "details") / f"results_{date}.json"
        if out and path.parent.name == date
        else path.with_name(f"results_{date}.json")
    )
    return settings_file(file) if file.is_file() and not file.is_symlink() else {}


def _model(path: Path) -> str | None:
    """The folders between details and the date."""
    out = next((parent for parent in path.parents if parent.name == "details"), None)
    return str(path.parent.parent.relative_to(out)) if out and path.parent != out else None
