"""Rows in JSON of any form: lines, a list of objects, an object of objects, columns of values.

Where they lie deeper, their path may be given; else they are the one place where the wanted fields
are found.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ...errors import BadFile
from .dotted import ABSENT, along
from .dotted import names as names_in
from .untrusted.files import MAX_LINE, contents, numbered_lines, opened
from .untrusted.json_plain import parsed

KEY = "@key"  # a row's cell that holds its name in an object of objects
DEEPEST = 4  # levels at which rows are looked for
SHOWN = 8  # places that a message names

Row = tuple[str, dict[str, Any]]  # where it stands, and its cells by name


class Rows(Protocol):
    """The rows of a file, as often as they are asked for."""

    path: Path

    def rows(self) -> Iterator[Row]:
        """In the file's order. Raises BadFile."""

    def names(self) -> list[str]:
        """The paths that its first row has."""


class Wanted(NamedTuple):
    """What is looked for in JSON whose rows may lie anywhere."""

    score: str | None = None  # a path that most rows have; None: whatever there is
    others: tuple[str, ...] = ()  # paths that a row has
    records: str | None = None  # where the rows are, if the user says so


class JsonLines:
    """A file with a JSON object in each line."""

    def __init__(self, path: Path):
        self.path = path

    def rows(self) -> Iterator[Row]:
        for number, line, _ in numbered_lines(self.path):
            place = f"line {number:,}"
            found = parsed(self.path, place, line)
            if not isinstance(found, dict):
                raise BadFile(self.path, place, "no JSON object", "give one in each line")
            yield place, found

    def names(self) -> list[str]:
        return list(dict.fromkeys(name for _, row in _first(self.rows()) for name in names_in(row)))


class JsonDocument:
    """A file that is one piece of JSON. Raises BadFile unless one place fits what is wanted."""

    def __init__(self, path: Path, wanted: Wanted):
        self.path = path
        found = parsed(path, "as a whole", bytes(contents(path)))
        if wanted.records is None:
            places = list(_places(found, "", wanted))
        else:
            forms = _here(along(found, wanted.records), wanted._replace(score=None))
            places = [(wanted.records, rows) for _, rows in forms][:1]
        if len(places) != 1:
            raise self._none_or_several(found, [place for place, _ in places], wanted)
        self._rows = places[0][1]

    def rows(self) -> Iterator[Row]:
        return iter(self._rows)

    def names(self) -> list[str]:
        first = _first(iter(self._rows))
        return list(dict.fromkeys(name for _, row in first for name in names_in(row)))

    def _none_or_several(self, found: Any, fitting: list[str], wanted: Wanted) -> BadFile:
        if fitting:
            there = ", ".join(place or "the whole" for place in fitting[:SHOWN])
            advice = f"say which with --map records=PATH: {there}"
            what = f"its rows may lie in {len(fitting)} places"
            return BadFile(self.path, "as a whole", what, advice)
        if wanted.records is not None:
            what = f"there is no list or object of rows at {wanted.records}"
        else:
            what = f"no list or object of rows in it has {wanted.score}" if wanted.score else ""
        listed = [
            f"{place or 'the whole'} ({', '.join(list(rows[0][1])[:SHOWN])})"
            for place, rows in _places(found, "", Wanted())
        ]
        return BadFile(
            self.path,
            "as a whole",
            what if listed or wanted.records else "it is no list or object of rows",
            f"there are {'; '.join(listed[:SHOWN])}" if listed else "give one with a row an answer",
        )


def json_rows(path: Path, wanted: Wanted) -> JsonLines | JsonDocument:
    """The rows of a file of JSON or JSON Lines, whatever its name says. Raises BadFile."""
    file, size = opened(path)
    with file:
        first = file.readline(MAX_LINE).strip()
        while not first and file.tell() < size:
            first = file.readline(MAX_LINE).strip()
        more = bool(file.readline(MAX_LINE).strip())
    in_lines = path.suffix.lower() != ".json" and not first.startswith(b"[") and first != b"{"
    if more and not in_lines and first.startswith(b"{"):
        try:
            in_lines = isinstance(json.loads(first), dict)
        except (ValueError, RecursionError):
            in_lines = False
    return JsonLines(path) if in_lines else JsonDocument(path, wanted)


def _first(rows: Iterator[Row]) -> list[Row]:
    return [row for row, _ in zip(rows, range(SHOWN))]


def _places(found: Any, path: str, wanted: Wanted) -> Iterator[tuple[str, list[Row]]]:
    """Where rows that fit lie, and the rows; nothing within such a place is looked at."""
    for _, rows in _here(found, wanted):
        yield path, rows
        return
    if path.count(".") >= DEEPEST - 1:
        return
    if isinstance(found, dict):
        inner = list(found.items())
    else:
        inner = [("0", found[0])] if isinstance(found, list) and len(found) == 1 else []
    for name, value in inner:
        yield from _places(value, f"{path}.{name}" if path else name, wanted)


def _here(found: Any, wanted: Wanted) -> Iterator[tuple[str, list[Row]]]:
    """The forms in which this very value is rows that fit."""
    forms = {
        "a list": _listed,
        "columns": lambda value: _columns(value, wanted),
        "a split table": _split,
        "an object of objects": _keyed,
    }
    for form, rows_of in forms.items():
        rows = rows_of(found)
        if rows and _fits(rows, wanted, keyed=form == "an object of objects"):
            yield form, rows


def _fits(rows: list[Row], wanted: Wanted, keyed: bool) -> bool:
    """Whether the rows have the wanted fields; of an object's, most must have the score.

    Where nothing is wanted, an object's must at least be alike.
    """
    if wanted.score is None:
        alike = set.intersection(*(set(row) for _, row in rows)) - {KEY}
        return not keyed or (len(rows) > 1 and bool(alike))
    having = sum(along(row, wanted.score) is not ABSENT for _, row in rows)
    others = (any(along(row, path) is not ABSENT for _, row in rows) for path in wanted.others)
    return having > (len(rows) / 2 if keyed else 0) and all(others)


def _listed(found: Any) -> list[Row]:
    """The rows of a list of objects; an entry that is none is a row without cells."""
    if not isinstance(found, list) or not any(isinstance(entry, dict) for entry in found):
        return []
    return [
        (f"entry {number:,}", entry if isinstance(entry, dict) else {})
        for number, entry in enumerate(found)
    ]


def _keyed(found: Any) -> list[Row]:
    """The rows of an object of objects, or of lists of objects, each with its name as KEY."""
    if not isinstance(found, dict):
        return []
    rows = list[Row]()
    for key, value in found.items():
        entries = value if isinstance(value, list) else [value]
        if not entries or not all(isinstance(entry, dict) for entry in entries):
            return []
        for number, entry in enumerate(entries):
            place = f"entry {key[:60]}" + (f", {number}" if len(entries) > 1 else "")
            rows.append((place, {KEY: key, **entry}))
    return rows


def _columns(found: Any, wanted: Wanted) -> list[Row]:
    """The rows of an object of columns, lists or objects, that holds the wanted ones."""
    paths = [path for path in (wanted.score, *wanted.others) if path and path != KEY]
    if not isinstance(found, dict) or not paths:
        return []
    names = {path if path in found else path.split(".")[0] for path in paths}
    columns = {name: _by_place(value) for name, value in found.items()}
    if not names <= columns.keys():
        return []
    places = columns[min(names)].keys()
    if any(columns[name].keys() != places for name in names):
        return []
    whole = {name: column for name, column in columns.items() if column.keys() == places}
    return [
        (f"entry {place}", {name: column[place] for name, column in whole.items()})
        for place in places
    ]


def _by_place(column: Any) -> dict:
    """Place -> value of a column; {} of what is none."""
    if isinstance(column, list):
        return dict(enumerate(column))
    return column if isinstance(column, dict) else {}


def _split(found: Any) -> list[Row]:
    """The rows of an object with the lists columns and data, as pandas and W&B write tables."""
    match found:
        case {"columns": [*columns], "data": [*data]} if all(
            isinstance(row, list) and len(row) == len(columns) for row in data
        ):
            return [
                (f"entry {number:,}", dict(zip(map(str, columns), row)))
                for number, row in enumerate(data)
            ]
    return []
