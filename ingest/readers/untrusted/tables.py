"""Untrusted tables, CSV, Parquet and JSON Lines, through a DuckDB that may open one file alone."""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from ....errors import BadFile
from .files import existing

_CSV = "read_csv($file, all_varchar = true)"
_JSON = "read_json($file, format = 'newline_delimited', maximum_depth = 2)"
FORMATS = {
    ".parquet": "read_parquet($file)",
    ".csv": _CSV,
    ".tsv": _CSV,
    ".jsonl": _JSON,
    ".ndjson": _JSON,
}
BATCH = 4096  # rows fetched together


class Table:
    """A table in a file, open for reading. Closes when its rows were read, or on `close`.

    columns: name -> DuckDB's type; those of a CSV file are VARCHAR. Raises QwhError (not found) or
    BadFile.
    """

    def __init__(self, path: Path):
        self.path = existing(path)
        source = FORMATS.get(self.path.suffix.lower())
        if not self.path.is_file() or not source:
            raise BadFile(
                self.path,
                "as a whole",
                f"a {self.path.suffix or 'nameless'} file",
                f"give one of {', '.join(FORMATS)}",
            )
        self._source, self._file = source, {"file": str(self.path.resolve())}
        self._connection = duckdb.connect()
        try:
            self._connection.execute("set allowed_paths = [$file]", self._file)
            self._connection.execute("set enable_external_access = false")
            described = self._connection.execute(f"describe select * from {source}", self._file)
            self.columns = {name: kind for name, kind, *_ in described.fetchall()}
        except duckdb.Error as error:
            self.close()
            raise self._damaged("as a whole", error) from None

    def rows(self, expressions: list[str]) -> Iterator[tuple]:
        """A tuple of the SQL expressions for each row, in order. Raises BadFile."""
        number = 0
        try:
            select = f"select {', '.join(expressions)} from {self._source}"
            found = self._connection.execute(select, self._file)
            while batch := found.fetchmany(BATCH):
                yield from batch
                number += len(batch)
        except duckdb.Error as error:
            place = f"after row {number}" if number else "as a whole"
            raise self._damaged(place, error) from None
        finally:
            self.close()

    def close(self) -> None:
        self._connection.close()

    def _damaged(self, place: str, error: duckdb.Error) -> BadFile:
        found = str(error).splitlines()[0][:200]
        return BadFile(self.path, place, found, "check that it is what its name says")
