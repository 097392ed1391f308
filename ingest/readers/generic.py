"""Any table of answers, Parquet, CSV or JSON Lines, with the user's map of its columns.

Needed: item or prompt, and score (a number, or true and false). May be there: prompt_id, attempt,
category, prompt, expected, answer, answer_tokens, finish_reason. Equal prompts are equal texts;
where the file holds no text and no prompt_id, an item's name stands for its text, and the run's
facts say so.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...errors import BadFile
from .port import Picks, Sample, Samples, text_id
from .untrusted.json_plain import finite
from .untrusted.tables import Table

COLUMNS = {
    "item": "varchar",
    "prompt_id": "varchar",
    "attempt": "integer",
    "score": "double",
    "category": "varchar",
    "prompt": "varchar",
    "expected": "varchar",
    "answer": "varchar",
    "answer_tokens": "integer",
    "finish_reason": "varchar",
}


def recognises(path: Path, head: bytes) -> bool:
    """Never: only the user knows what its columns mean."""
    return False


def read(path: Path, picks: Picks) -> Iterator[Samples]:
    """One Samples.

    picks: our column -> the file's, and benchmark_id -> its name (by default the file's stem).
    Raises BadFile.
    """
    columns = {name: column for name, column in picks.items() if name != "benchmark_id"}
    table = Table(path)
    try:
        expressions = _expressions(table, columns)
    except BadFile:
        table.close()
        raise
    left_out: Counter[str] = Counter()
    yield Samples(
        benchmark_id=picks.get("benchmark_id", table.path.stem),
        harness={"harness": "generic"},
        rows=_rows(table, expressions, left_out),
        left_out=left_out,
        facts={"map": columns}
        | ({} if {"prompt_id", "prompt"} & set(columns) else {"prompt_id": "of the item's name"}),
    )


def _expressions(table: Table, columns: dict[str, str]) -> list[str]:
    """SQL for each of our columns, NULL for what is not mapped.

    Raises BadFile for a map that is not complete, or names a column that is not there.
    """
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown or "score" not in columns or not {"item", "prompt"} & set(columns):
        raise BadFile(
            table.path,
            "its --map",
            f"it maps {', '.join(columns) or 'nothing'}",
            "map score, and item or prompt; there are also"
            f" {', '.join(name for name in COLUMNS if name not in ('score', 'item', 'prompt'))}",
        )
    missing = next((column for column in columns.values() if column not in table.columns), None)
    if missing is not None:
        there = ", ".join(list(table.columns)[:30])
        raise BadFile(table.path, "its columns", f"there is no {missing}", f"it has {there}")
    expressions = []
    for name, kind in COLUMNS.items():
        column = '"' + columns[name].replace('"', '""') + '"' if name in columns else "null"
        if name == "score" and table.columns[columns[name]] != "DOUBLE":
            column = (
                f"case lower({column}::varchar) when 'true' then 1 when 'false' then 0 else"
                f" try_cast({column}::varchar as double) end"
            )
        expressions.append(f"try_cast({column} as {kind}) as {name}")
    return expressions


def _rows(table: Table, expressions: list[str], left_out: Counter[str]) -> Iterator[Sample]:
    """Every row with a finite score, in order."""
    for number, row in enumerate(table.rows(expressions), 1):
        item, prompt_id, attempt, score, category, prompt, expected, answer, tokens, reason = row
        if item is None and prompt is None:
            raise BadFile(
                table.path,
                f"row {number}",
                "neither an item nor a prompt",
                "fill it in, or map another column",
            )
        if finite(score) is None:
            left_out["a score that is no finite number"] += 1
            continue
        known = prompt_id or text_id(prompt if prompt is not None else item)
        yield Sample(
            item or known,
            known,
            attempt or 0,
            score,
            category or "all",
            prompt,
            expected,
            answer,
            tokens,
            reason,
        )
