"""The rows of a table in a file of any form, under the user's map of its columns."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...errors import BadFile
from .dotted import names
from .json_records import Row, Rows, Wanted, json_rows
from .untrusted.tables import Csv, Parquet

FORMATS = (".parquet", ".csv", ".tsv", ".json", ".jsonl", ".ndjson")
FILE = "@file"  # a row's cell that holds its file's stem
MODEL_NAMES = ("model", "model_name", "model_id")  # columns that say whose a row is


class Map(NamedTuple):
    """What the user says of the columns."""

    columns: dict[str, str]  # ours -> a path in a row
    records: str | None = None  # where the rows lie in JSON
    where: tuple[str, str] | None = None  # a path and the text that it must have

    def paths(self) -> list[str]:
        """All that is looked for in a row."""
        return [*self.columns.values(), *([self.where[0]] if self.where else ())]

    def wanted(self) -> Wanted:
        """What the rows of a JSON document are known by."""
        others = tuple(path for name, path in self.columns.items() if name in ("item", "prompt"))
        return Wanted(
            self.columns.get("score"), tuple(path for path in others if path != FILE), self.records
        )


class _Table:
    """A CSV or Parquet file as rows of the columns that are looked for."""

    def __init__(self, table: Csv | Parquet, paths: list[str]):
        self.path, self._table = table.path, table
        known = dict.fromkeys(table.columns)
        self._columns = [
            name
            for name in known
            if name in MODEL_NAMES or any(p == name or p.startswith(f"{name}.") for p in paths)
        ]

    def rows(self) -> Iterator[Row]:
        return self._table.rows(self._columns)

    def names(self) -> list[str]:
        for _, row in self._table.rows(list(dict.fromkeys(self._table.columns))):
            return list(names(row))
        return list(self._table.columns)


def table(path: Path, asked: Map) -> Rows:
    """A file's rows. Raises QwhError (not found) or BadFile."""
    kind = path.suffix.lower()
    if not path.exists() or kind in FORMATS:
        if kind in (".csv", ".tsv"):
            return _Table(Csv(path), asked.paths())
        if kind == ".parquet":
            return _Table(Parquet(path), asked.paths())
        return json_rows(path, asked.wanted())
    raise BadFile(
        path, "as a whole", f"a {kind or 'nameless'} file", f"give one of {', '.join(FORMATS)}"
    )
