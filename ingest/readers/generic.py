"""Any table of answers: Parquet, CSV or JSON Lines, with the user's map from our columns to its
own.

Needed: item or prompt, and score (a number, or true and false). May be there: prompt_id, attempt,
category, prompt, expected, answer, answer_tokens, finish_reason. Equal prompts are equal texts;
where the file holds no text and no prompt_id, an item's name stands for its text, and the run's
facts say so.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb

from . import safely  # first: it names the extra that brings msgspec
from .port import BadFile, Sample, Samples

KIND = "generic"
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
FORMATS = {
    ".parquet": "read_parquet($file)",
    ".csv": "read_csv($file, all_varchar = true)",
    ".tsv": "read_csv($file, all_varchar = true)",
    ".jsonl": "read_json($file, format = 'newline_delimited', maximum_depth = 2)",
    ".ndjson": "read_json($file, format = 'newline_delimited', maximum_depth = 2)",
}
BATCH = 4096  # rows fetched together


def recognises(path: Path, head: bytes) -> bool:
    """Never: only the user knows what its columns mean."""
    return False


def read(path: Path, picks: dict[str, str]) -> Iterator[Samples]:
    """One Samples. picks: our column -> the file's, and benchmark_id -> its name (by default the
    file's stem). Raises BadFile.
    """
    path = safely.existing(path)
    source = FORMATS.get(path.suffix.lower())
    if not path.is_file() or not source:
        raise BadFile(
            path,
            "as a whole",
            f"a {path.suffix or 'nameless'} file",
            f"give one of {', '.join(FORMATS)}",
        )
    columns = {name: column for name, column in picks.items() if name != "benchmark_id"}
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown or "score" not in columns or not {"item", "prompt"} & set(columns):
        raise BadFile(
            path,
            "its --map",
            f"it maps {', '.join(columns) or 'nothing'}",
            "map score, and item or prompt; there are also"
            f" {', '.join(name for name in COLUMNS if name not in ('score', 'item', 'prompt'))}",
        )
    connection = duckdb.connect()
    try:
        connection.execute("set allowed_paths = [$file]", {"file": str(path.resolve())})
        connection.execute("set enable_external_access = false")
        rows = connection.execute(
            f"select {_select(connection, path, source, columns)} from {source}",
            {"file": str(path.resolve())},
        )
    except duckdb.Error as error:
        connection.close()
        raise BadFile(
            path,
            "as a whole",
            str(error).splitlines()[0][:200],
            "check that it is what its name says",
        ) from None
    left_out: Counter[str] = Counter()
    yield Samples(
        benchmark_id=picks.get("benchmark_id", path.stem),
        harness={"harness": KIND},
        rows=_rows(path, connection, rows, left_out),
        left_out=left_out,
        facts={"map": columns}
        | ({} if {"prompt_id", "prompt"} & set(columns) else {"prompt_id": "of the item's name"}),
    )


def _select(connection, path: Path, source: str, columns: dict[str, str]) -> str:
    """One expression for each of our columns, NULL for what is not mapped. Raises BadFile for a
    column that is not there.
    """
    there = {
        name: kind
        for name, kind, *_ in connection.execute(
            f"describe select * from {source}", {"file": str(path.resolve())}
        ).fetchall()
    }
    missing = next((column for column in columns.values() if column not in there), None)
    if missing is not None:
        raise BadFile(
            path, "its columns", f"there is no {missing}", f"it has {', '.join(list(there)[:30])}"
        )
    parts = []
    for name, kind in COLUMNS.items():
        column = '"' + columns[name].replace('"', '""') + '"' if name in columns else "null"
        if name == "score" and there[columns[name]] != "DOUBLE":
            column = (
                f"case lower({column}::varchar) when 'true' then 1 when 'false' then 0 else"
                f" try_cast({column}::varchar as double) end"
            )
        parts.append(f"try_cast({column} as {kind}) as {name}")
    return ", ".join(parts)


def _rows(path: Path, connection, rows, left_out: Counter[str]) -> Iterator[Sample]:
    """Every row with a finite score, in order."""
    number = 0
    try:
        while batch := rows.fetchmany(BATCH):
            for (
                item,
                prompt_id,
                attempt,
                score,
                category,
                prompt,
                expected,
                answer,
                answer_tokens,
                finish_reason,
            ) in batch:
                number += 1
                if item is None and prompt is None:
                    raise BadFile(
                        path,
                        f"row {number}",
                        "neither an item nor a prompt",
                        "fill it in, or map another column",
                    )
                if score is None or safely.number(score) is None:
                    left_out["a score that is no finite number"] += 1
                    continue
                known = prompt_id or safely.text_id(prompt if prompt is not None else item)
                yield Sample(
                    item or known,
                    known,
                    attempt or 0,
                    score,
                    category or "all",
                    prompt,
                    expected,
                    answer,
                    answer_tokens,
                    finish_reason,
                )
    except duckdb.Error as error:
        raise BadFile(
            path,
            f"after row {number}",
            str(error).splitlines()[0][:200],
            "check that it is what its name says",
        ) from None
    finally:
        connection.close()
