"""lighteval: details_<task>_<date>.parquet (columns doc, metric, model_response, or the same
between double underscores).

One Samples per task; facts come from results_<date>.json in the same output folder. Pick metric: by
default the first number. prompt_id is over what the model was given and the choices; of several
files of one task the newest counts.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from . import safely
from .port import BadFile, Sample, Samples

KIND = "lighteval"
COLUMNS = ("doc", "metric", "model_response")
WANTED = {
    "doc": ("query", "choices", "gold_index", "id", "task_name", "instruction", "fewshot_samples"),
    "model_response": ("input", "text", "text_post_processed", "logprobs", "output_tokens"),
}
# one row group, unpacked; of it only pages of the wanted columns are in memory at a time
MAX_GROUP = 512 * safely.MIB
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


def read(path: Path, picks: dict[str, str]) -> Iterator[Samples]:
    """The answers to each task. Raises BadFile."""
    path = safely.existing(path)
    if path.is_file():
        yield _task(path, picks, 0)
        return
    newest: dict[tuple[Path, str], list[Path]] = {}
    for file in safely.files(path, "**/details_*.parquet", "run lighteval with --save-details"):
        name, date = safely.dated(file)
        newest.setdefault(
            (file.parent.parent if date == file.parent.name else file.parent, name), []
        ).append(file)
    for files in newest.values():
        yield _task(files[-1], picks, len(files) - 1)


def _task(path: Path, picks: dict[str, str], older: int) -> Samples:
    file, columns = _open(path)
    name, date = safely.dated(path)
    task = name.removeprefix("details_") or name
    results = _results(path, date)
    config = safely.at(results, "config_tasks", task)
    schema = file.schema_arrow.field(columns["metric"]).type
    numbers = [
        field.name
        for field in schema
        if pa.types.is_integer(field.type)
        or pa.types.is_floating(field.type)
        or pa.types.is_boolean(field.type)
    ]
    metric = safely.choose(
        path,
        "metric that grows with quality",
        picks.get("metric"),
        [number for number in numbers if number not in _lower(config)],
    )
    left_out = Counter({"a file of an earlier run": older} if older else {})
    generation = safely.at(results, "config_general", "model_config", "generation_parameters")
    task_name, _, fewshot = task.rpartition("|")
    model = safely.at(results, "config_general", "model_name")
    return Samples(
        benchmark_id=task_name or task,
        harness={
            "harness": KIND,
            "num_fewshot": (
                int(fewshot)
                if task_name and fewshot.isdecimal() and len(fewshot) < 6
                else safely.at(config, "num_fewshots")
            ),
            "metric": metric,
            "system_prompt": safely.at(results, "config_general", "model_config", "system_prompt"),
            "generation": (
                {key: value for key, value in generation.items() if value is not None}
                if isinstance(generation, dict)
                else None
            ),
            **{
                key: safely.at(config, key)
                for key in ("version", "generation_size", "stop_sequence", "num_samples")
            },
        },
        rows=_rows(path, file, columns, metric, left_out),
        model_name=model if isinstance(model, str) else _model(path),
        facts={
            "date_id": date,
            **{
                key: value
                for key in ("lighteval_sha", "max_samples", "num_fewshot_seeds")
                if (value := safely.at(results, "config_general", key)) is not None
            },
            **{
                key: value
                for key in ("hf_repo", "hf_subset", "hf_revision", "evaluation_splits")
                if (value := safely.at(config, key)) is not None
            },
        },
        left_out=left_out,
    )


def _open(path: Path) -> tuple[pq.ParquetFile, dict[str, str]]:
    """The file and its own names of COLUMNS. Raises BadFile if it is no details file, or claims
    more than it can hold.
    """
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
    return file, columns


def _batches(
    path: Path, file: pq.ParquetFile, columns: dict[str, str], metric: str
) -> Iterator[list[dict]]:
    """Rows as Python objects, BATCH at a time, of the wanted columns only. Raises BadFile naming
    the row group.
    """
    wanted = [
        f"{columns[name]}.{field.name}"
        for name, fields in WANTED.items()
        for field in file.schema_arrow.field(columns[name]).type
        if field.name in fields
    ]
    wanted.append(f"{columns['metric']}.{metric}")
    for group in range(file.metadata.num_row_groups):
        place = f"row group {group}"
        try:
            # of single columns nothing is asked: on damaged files that ends the process
            size = file.metadata.row_group(group).total_byte_size
            limit = min(MAX_GROUP, max(safely.RATIO_FROM, safely.MAX_RATIO * path.stat().st_size))
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


def _rows(
    path: Path, file: pq.ParquetFile, columns: dict[str, str], metric: str, left_out: Counter[str]
) -> Iterator[Sample]:
    """Every document with a finite score, the first where one occurs twice."""
    seen: set[tuple[str, str]] = set()
    number = -1
    with file:
        for rows in _batches(path, file, columns, metric):
            for row in rows:
                number += 1
                doc, response, values = (
                    row.get(columns[name]) or {} for name in ("doc", "model_response", "metric")
                )
                query, choices, given = doc.get("query"), doc.get("choices"), response.get("input")
                score = safely.number(values.get(metric))
                if not isinstance(query, str) and given is None:
                    raise BadFile(
                        path,
                        f"row {number}",
                        "it has neither a query nor an input",
                        "give the file as the tool wrote it",
                    )
                item = str(doc.get("id") if doc.get("id") not in (None, "") else number)
                # where the input was not kept, what it was made from says as much
                prompt_id = safely.text_id(
                    *map(
                        _json,
                        (
                            ("input", given, choices)
                            if given
                            else (
                                "doc",
                                doc.get("instruction"),
                                doc.get("fewshot_samples"),
                                query,
                                choices,
                            )
                        ),
                    )
                )
                reason = (
                    f"its {metric} is not a finite number"
                    if score is None
                    else "a document that occurs again"
                    if (item, prompt_id) in seen
                    else None
                )
                if reason:
                    left_out[reason] += 1
                    continue
                seen.add((item, prompt_id))
                answer, tokens = _answer(response)
                yield Sample(
                    item,
                    prompt_id,
                    0,
                    score,
                    "all",
                    given if isinstance(given, str) and given else _json(given) if given else query,
                    _expected(doc),
                    answer,
                    tokens,
                )


def _answer(response: dict) -> tuple[str | None, int | None]:
    """The first generated text and its tokens, or the choices' log-probabilities as JSON."""
    texts = response.get("text_post_processed") or response.get("text")
    if isinstance(texts, list) and texts:
        tokens = response.get("output_tokens")
        return texts[0] if isinstance(texts[0], str) else _json(texts[0]), (
            len(tokens[0])
            if isinstance(tokens, list) and tokens and isinstance(tokens[0], list)
            else None
        )
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
    return (
        right[0]
        if len(right) == 1 and isinstance(right[0], str)
        else _json(right)
        if right
        else None
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _lower(config: object) -> set[str]:
    """Names of a task's metrics that are better when smaller."""
    metrics, lower = safely.at(config, "metrics"), set()
    for metric in metrics if isinstance(metrics, list) else []:
        names, higher = safely.at(metric, "metric_name"), safely.at(metric, "higher_is_better")
        lower |= (
            {names}
            if higher is False and isinstance(names, str)
            else (
                {name for name, is_higher in higher.items() if is_higher is False}
                if isinstance(higher, dict)
                else set()
            )
        )
    return lower


def _results(path: Path, date: str | None) -> dict:
    """The results json of the same run: details/MODEL/DATE/FILE has it in results/MODEL. {} without
    one.
    """
    out = next((parent.parent for parent in path.parents if parent.name == "details"), None)
    file = (
        out / "results" / path.parent.parent.relative_to(out / "details") / f"results_{date}.json"
        if out and path.parent.name == date
        else path.with_name(f"results_{date}.json")
    )
    return safely.facts(file) if file.is_file() and not file.is_symlink() else {}


def _model(path: Path) -> str | None:
    """The folders between details and the date."""
    out = next((parent for parent in path.parents if parent.name == "details"), None)
    return str(path.parent.parent.relative_to(out)) if out and path.parent != out else None
