"""Tables of quants in JSON as grids of cells: a list of objects, an object of objects, lines.

Columns may also be the outer keys, as data frames write them. What lies in an object within a row
gets a dotted heading: metrics.kld.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from .table_cells import Typed
from .table_grids import MOST_COLUMNS, Grid, Row
from .table_headings import meaning
from .untrusted.json_plain import clean, parsed

ENDINGS = (".json", ".jsonl", ".ndjson")
OPENS = ("[", "{")
DEEPEST = 4  # objects within a row


def grid(path: Path, text: str) -> Grid | None:
    """The rows of a JSON table, or None where the text is JSON of another form. Raises BadFile."""
    raw = text.encode("utf-8", "surrogatepass")
    try:
        found = parsed(path, "as a whole", raw)
    except Exception:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not all(line.lstrip().startswith("{") for line in lines):
            raise
        found = [
            parsed(path, f"line {number}", line.encode("utf-8", "surrogatepass"))
            for number, line in enumerate(lines, 1)
        ]
    entries = _entries(found)
    return _gridded(entries) if entries else None


def first_entry(head: str) -> Grid | None:
    """The grid of as much of a list of objects, or of lines, as a cut text holds."""
    decoder, entries, at = json.JSONDecoder(), list[dict](), head.find("{")
    while at >= 0 and len(entries) < 2:
        try:
            entry, at = decoder.raw_decode(head, at)
        except (ValueError, RecursionError):
            break
        entries.append(entry)
        at = head.find("{", at)
    return _gridded(entries) if entries else None


def _entries(found: object) -> list[dict]:
    """The rows of a table, each an object; none where it is no table."""
    if isinstance(found, list):
        return found if found and all(isinstance(entry, dict) for entry in found) else []
    if not isinstance(found, dict) or not found:
        return []
    inner = list(found.values())
    if any(meaning(key) for key in found):
        return _turned(found)
    if all(isinstance(value, dict) for value in inner) and len(inner) > 1:
        return [{"quant": key} | value for key, value in found.items()]
    lists = [value for value in inner if isinstance(value, list | dict) and _entries(value)]
    return _entries(lists[0]) if len(lists) == 1 else []


def _turned(columns: dict) -> list[dict]:
    """Rows of columns: lists of one length, or objects of one set of keys; else one row."""
    inner = list(columns.values())
    if all(isinstance(value, list) for value in inner) and len({len(v) for v in inner}) == 1:
        return [dict(zip(columns, row)) for row in zip(*inner)]
    if all(isinstance(value, dict) for value in inner):
        named = any(not meaning(key) for key in columns)
        names = list(dict.fromkeys(name for value in inner for name in value))
        return [
            ({} if named else {"quant": name})
            | {key: value.get(name) for key, value in columns.items()}
            for name in names
        ]
    return [columns]


def _gridded(entries: Iterable[dict]) -> Grid:
    """A heading of all keys, and a row for each entry."""
    rows = [_flat(entry, "", 0) for entry in entries]
    heading = list(dict.fromkeys(key for row in rows for key in row))[:MOST_COLUMNS]
    return Grid(
        None,
        [Row("its keys", [clean(key) for key in heading])]
        + [
            Row(f"entry {number}", [row.get(key, "") for key in heading])
            for number, row in enumerate(rows)
        ],
    )


def _flat(entry: dict, prefix: str, depth: int) -> dict[str, str]:
    """An entry's texts and numbers; lists are passed over."""
    cells = dict[str, str]()
    for key, value in entry.items():
        if isinstance(value, dict) and depth < DEEPEST:
            cells |= _flat(value, f"{prefix}{key}.", depth + 1)
        elif isinstance(value, str):
            cells[prefix + key] = clean(value)
        elif isinstance(value, bool) or value is None:
            cells[prefix + key] = "" if value is None else str(value).lower()
        elif isinstance(value, int | float):
            cells[prefix + key] = Typed(repr(value))
    return cells
