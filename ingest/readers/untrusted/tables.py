"""Untrusted tables: CSV of any delimiter, and Parquet through a DuckDB that may open one file."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from ....errors import BadFile
from .files import MAX_LINE, existing, opened

DELIMITERS = ",\t;|"
LOOKED_AT = 1 << 16  # characters that show the delimiter
FIRST_ROWS = 20  # of them
BATCH = 4096  # rows of Parquet that are fetched together


class Csv:
    """A table with a heading, every cell of which is text; an empty one is None.

    columns: the heading's names. Raises QwhError (not found) or BadFile.
    """

    def __init__(self, path: Path):
        self.path = path
        file, _ = opened(path)
        with file:
            head = file.read(LOOKED_AT)
        self._delimiter = _delimiter(head.decode("utf-8", "replace"), len(head) == LOOKED_AT)
        heading = next(self._records(), (0, []))[1]
        if not heading:
            raise BadFile(path, "as a whole", "it is empty", "write it again")
        self.columns = [name.strip() for name in heading]

    def rows(self, wanted: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Where each row stands, and its cells by name. Raises BadFile.

        wanted: names that may not stand twice in the heading.
        """
        twice = next((name for name in wanted if self.columns.count(name) > 1), None)
        if twice is not None:
            found = f"{self.columns.count(twice)} columns are called {twice}"
            raise BadFile(self.path, "its heading", found, "give each a name of its own")
        records = self._records()
        next(records)
        for line, record in records:
            if len(record) != len(self.columns):
                raise BadFile(
                    self.path,
                    f"line {line:,}",
                    f"{len(record)} cells where the heading has {len(self.columns)}",
                    "check its delimiters and quotes",
                )
            cells = {name: cell or None for name, cell in zip(self.columns, record)}
            yield f"line {line:,}", cells

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """The line that each record ends in and its cells; empty lines are passed over."""
        csv.field_size_limit(MAX_LINE)
        file, _ = opened(self.path)
        with io.TextIOWrapper(file, "utf-8", newline="") as lines:
            reader = csv.reader(_bounded(lines), delimiter=self._delimiter, strict=True)
            try:
                for record in reader:
                    if record:
                        yield reader.line_num, record
            except UnicodeDecodeError:
                place, found = f"after line {reader.line_num:,}", "not UTF-8"
                raise BadFile(self.path, place, found, "save the table as UTF-8") from None
            except csv.Error as error:
                raise BadFile(
                    self.path,
                    f"line {reader.line_num:,}",
                    str(error),
                    "check its delimiters and quotes",
                ) from None


def _bounded(lines: io.TextIOWrapper) -> Iterator[str]:
    """The lines; one that no table has is handed on in pieces, for csv to refuse."""
    while line := lines.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise csv.Error(f"it is longer than {MAX_LINE:,} characters")
        yield line


def _delimiter(head: str, cut: bool) -> str:
    """The delimiter that gives the first rows the same number of cells, the more the better.

    cut: head ends within a row.
    """

    def fit(delimiter: str) -> tuple[bool, int]:
        try:
            rows = [row for row in csv.reader(io.StringIO(head), delimiter=delimiter) if row]
        except csv.Error:
            return False, 0
        rows = rows[: -1 if cut and len(rows) > 1 else None][:FIRST_ROWS]
        width = len(rows[0]) if rows else 0
        return width > 1 and all(len(row) == width for row in rows), width

    return max(DELIMITERS, key=fit)


class Parquet:
    """A Parquet file's table. columns: name -> DuckDB's type.

    Raises QwhError (not found) or BadFile.
    """

    def __init__(self, path: Path):
        self.path = existing(path)
        self.columns = {name: kind for name, kind, *_ in self._fetched("describe select *")}

    def rows(self, wanted: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Where each row stands, and the wanted columns' cells, in order. Raises BadFile."""
        listed = ", ".join(_quoted(name) for name in wanted) or "1"
        for number, cells in enumerate(self._fetched(f"select {listed}"), 1):
            yield f"row {number:,}", dict(zip(wanted, cells))

    def _fetched(self, selection: str) -> Iterator[tuple]:
        """The rows of a selection. DuckDB may open this file alone."""
        source, number = {"file": str(self.path.resolve())}, 0
        with duckdb.connect() as connection:
            try:
                connection.execute("set allowed_paths = [$file]", source)
                connection.execute("set enable_external_access = false")
                connection.execute("set enable_progress_bar = false")
                found = connection.execute(f"{selection} from read_parquet($file)", source)
                while batch := found.fetchmany(BATCH):
                    yield from batch
                    number += len(batch)
            except duckdb.Error as error:
                place = f"after row {number}" if number else "as a whole"
                raise BadFile(
                    self.path,
                    place,
                    str(error).splitlines()[0][:200],
                    "check that it is what its name says",
                ) from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
