"""lighteval: a details file's rows, whichever version wrote it.

From 0.8 it has columns doc, metric and model_response (or the same between double underscores);
before that a column for each thing: full_prompt, predictions, metrics, ..., and where they did not
fit a table all of them as Python writes them.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import BadFile
from .grades import Spread
from .untrusted.archives import MAX_RATIO, RATIO_FROM
from .untrusted.files import MIB
from .untrusted.json_plain import graded

COLUMNS = ("doc", "metric", "model_response")
WANTED = {
    "doc": ("query", "choices", "gold_index", "id", "task_name", "instruction", "fewshot_samples"),
    "model_response": ("input", "text", "text_post_processed", "logprobs", "output_tokens"),
}
METRICS = "metrics"  # before 0.8
OLDER = ("example", "instruction", "full_prompt", "predictions", "choices", "gold_index", "gold")
# one row group, unpacked; of it only pages of the wanted columns are in memory at a time
MAX_GROUP = 512 * MIB
# rows that are Python objects at a time; a long text is stored once and comes out in every row that
# has it
BATCH = 32
MAX_WRITTEN = MIB  # characters of a value as Python writes it
MAX_NESTED = 50  # brackets that are open in it at once
_NOT_FINITE = re.compile(r"(?<![\w'\"])-?(?:nan|inf)(?![\w'\"])")
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


class Row(NamedTuple):
    """One document, in the words of 0.8."""

    doc: dict
    response: dict
    metrics: dict


class Details(NamedTuple):
    """A details file that is open."""

    path: Path
    file: pq.ParquetFile
    columns: dict[str, str]  # COLUMNS -> the file's own names of them; {} before 0.8

    def spreads(self) -> dict[str, Spread]:
        """The metrics that are numbers or truth values, each over all documents.

        Raises BadFile.
        """
        spreads: dict[str, Spread] = {}
        own = self.columns["metric"] if self.columns else METRICS
        for batch in self._batches([own]):
            for row in batch:
                for name, value in (_read(row.get(own)) or {}).items():
                    number = graded(value)
                    spread = spreads.setdefault(str(name), Spread())
                    if number is not None:
                        spread.count(number)
        return {name: spread for name, spread in spreads.items() if spread.numbers}

    def rows(self, metrics: set[str]) -> Iterator[Row]:
        """Every document with these metrics, where it has them, in the file's order.

        Raises BadFile.
        """
        there = {field.name: field.type for field in self.file.schema_arrow}
        if not self.columns:
            wanted = [*(name for name in OLDER if name in there), METRICS]
            for batch in self._batches(wanted):
                yield from map(_older, batch)
            return
        wanted = [
            f"{self.columns[name]}.{field.name}"
            for name, fields in WANTED.items()
            for field in there[self.columns[name]]
            if field.name in fields
        ]
        own = self.columns["metric"]
        wanted += [f"{own}.{field.name}" for field in there[own] if field.name in metrics]
        for batch in self._batches(wanted):
            for row in batch:
                doc, values, response = (row.get(self.columns[name]) or {} for name in COLUMNS)
                yield Row(doc, response, values)

    def _batches(self, wanted: list[str]) -> Iterator[list[dict]]:
        """Rows as Python objects, BATCH at a time, of the wanted columns only.

        Raises BadFile naming the row group.
        """
        path, file, _ = self
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


def opened(path: Path) -> Details:
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
    is_older = METRICS in there and {"full_prompt", "example"} & set(there)
    if missing and not is_older:
        raise BadFile(
            path,
            "its columns",
            f"there is no {', '.join(missing)} with fields in it, nor full_prompt and metrics",
            "give a details file of lighteval",
        )
    if not 0 <= rows <= path.stat().st_size or groups > rows + 1:
        raise BadFile(
            path,
            "at its end",
            f"{rows:,} rows in {groups:,} groups are claimed, in {path.stat().st_size:,} bytes",
            "fetch it again",
        )
    return Details(path, file, {} if missing else columns)


def _older(row: dict) -> Row:
    """A row from before 0.8."""
    read = {name: _read(row.get(name)) for name in ("choices", "gold_index", "gold", "predictions")}
    doc = {
        "query": row.get("example"),
        "instruction": row.get("instruction"),
        "choices": read["choices"] or None,
        "gold_index": read["gold_index"],
        "gold": read["gold"],
    }
    predictions = read["predictions"]
    is_text = isinstance(predictions, list) and all(isinstance(each, str) for each in predictions)
    response = {
        "input": row.get("full_prompt"),
        "text" if is_text else "logprobs": predictions,
    }
    metrics = _read(row.get(METRICS))
    return Row(doc, response, metrics if isinstance(metrics, dict) else {})


def _read(value: object) -> Any:
    """A value, also where it stands as Python writes it; text that is none stays as it is."""
    if not isinstance(value, str) or len(value) > MAX_WRITTEN or value[:1] not in "[{(":
        return value
    depth = deepest = 0
    for character in value:
        depth += (character in "[{(") - (character in "]})")
        deepest = max(deepest, depth)
    if deepest > MAX_NESTED:
        return value
    try:
        return ast.literal_eval(_NOT_FINITE.sub("None", value))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value
