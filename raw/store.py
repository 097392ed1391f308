"""The raw layer on disk: a run is written beside, checked, and published by rename; its manifest
comes last.

    raw/<table>/run_id=<id>/part.parquet     one immutable file per run and table
    raw/runs/<id>.json                       the manifest: a part without one is invisible
    raw/edits/<8 digits>.json                what was said of runs since: see ledger.py
    raw/measures/<name>.json                 a user's own figure per quant, as SQL
    raw/_staging/                            unfinished work: see staging.py
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import ExitCode, QwhError, storage_error
from . import disk, parts, staging
from .ledger import MEASURED_AGAIN, Ledger, applied, is_retracted, restored
from .manifest import RunFacts, from_json, now
from .schema import TABLES

ROW_GROUP = 65_536  # rows held in memory per table before they go to disk
NOTHING = "[]\n"  # what lets SQL read a folder of JSON with no file of its own
PATTERN = "*?[#" + ("\\" if os.sep == "/" else "")  # signs that no warehouse's path may have


class Store:
    """The raw folder of one warehouse. is_shadow: what it is given is dropped, none of it is so."""

    def __init__(self, warehouse: Path, is_shadow: bool = False):
        self.raw = Path(warehouse).resolve() / "raw"
        self.is_shadow = is_shadow

    def create(self) -> "Store":
        """Make the folders and the zero-row parts that let SQL read an empty warehouse. Safe to
        repeat.
        """
        refuse_pattern(self.raw.parent)
        try:
            for folder in ("runs", "edits", "measures", "_staging"):
                (self.raw / folder).mkdir(parents=True, exist_ok=True)
            for folder in ("runs", "edits", "measures"):
                nothing = self.raw / folder / "_none.json"
                if not nothing.exists() or nothing.read_text() != NOTHING:
                    self.place(nothing, lambda path: path.write_text(NOTHING))
            for table, schema in TABLES.items():
                part = self.part(table, "_schema")
                if not _has_schema(part, schema):
                    part.parent.mkdir(parents=True, exist_ok=True)
                    self.place(part, partial(pq.write_table, schema.empty_table()))
            staging.sweep(self.staging)
        except OSError as error:
            raise storage_error(f"cannot make a warehouse in {self.raw.parent}", error) from None
        return self

    def place(self, final: Path, write: Callable[[Path], Any]) -> None:
        """Write a file beside and rename it: whoever looks, and whenever we die, it is whole."""
        with staging.beside(self.staging) as folder:
            staged = folder / final.name
            write(staged)
            disk.sync(staged)
            os.replace(staged, final)

    @property
    def staging(self) -> Path:
        """Where unfinished work lies."""
        return self.raw / "_staging"

    def manifest(self, run_id: str | None) -> Path:
        """Where a run's manifest lies."""
        return self.raw / "runs" / f"{run_id}.json"

    def part(self, table: str, run_id: str | None) -> Path:
        """Where a run's rows of one table lie."""
        return self.raw / table / f"run_id={run_id}" / "part.parquet"

    @property
    def ledger(self) -> Ledger:
        """What was said of the runs since they were published."""
        return Ledger(self.raw)

    def runs(self, retracted: bool = False) -> list[RunFacts]:
        """The facts of all published runs as they are after all edits, oldest first.

        retracted: those that were taken back, too.
        """
        state, runs = self.ledger.state(), []
        for path in (self.raw / "runs").glob("[0-9a-f]*.json"):
            held = state.get(path.stem, {})
            if retracted or not is_retracted(held):
                runs.append(applied(self._read(path), held))
        return sorted(runs, key=lambda run: (run.started_at or "", run.run_id or ""))

    def find(self, run_id: str | None, retracted: bool = False) -> RunFacts | None:
        """The facts of one published run, as `runs` gives them."""
        path, held = self.manifest(run_id), self.ledger.state().get(str(run_id), {})
        if not path.exists() or (is_retracted(held) and not retracted):
            return None
        return applied(self._read(path), held)

    def published(self, run_id: str | None) -> RunFacts:
        """A run's facts as they were when it was published, without edits."""
        return self._read(self.manifest(run_id))

    def _read(self, path: Path) -> RunFacts:
        try:
            return from_json(path.read_text())
        except (OSError, ValueError) as error:
            raise QwhError(
                f"cannot read the manifest {path}: {error}: restore it, or delete it to drop"
                " that run",
                ExitCode.STORAGE,
            ) from None

    def rows(self, table: str, run_id: str | None, *columns: str) -> Iterator[dict]:
        """A run's rows of one table, in order: column -> value. columns: by default all."""
        part = pq.ParquetFile(self.part(table, run_id))
        for batch in part.iter_batches(columns=columns or None):
            yield from batch.to_pylist()

    @contextmanager
    def shadow(self) -> Iterator["Store"]:
        """A store that sees all runs of this one; what it is given is dropped at the end."""
        with TemporaryDirectory(prefix="qwh-") as folder:
            beside = Store(Path(folder), is_shadow=True).create()
            for manifest in (self.raw / "runs").glob("[0-9a-f]*.json"):
                shutil.copy(manifest, beside.manifest(manifest.stem))
            for edits in (self.raw / "edits").glob("[0-9]*.json"):
                shutil.copy(edits, beside.ledger.folder / edits.name)
            for table in TABLES:
                for part in (self.raw / table).glob("run_id=[0-9a-f]*"):
                    (beside.raw / table / part.name).symlink_to(part)
            yield beside


class RunWriter:
    """Rows of one run on their way to disk. Use as a context manager: leaving it without `publish`
    drops everything.
    """

    def __init__(self, store: Store, *tables: str):
        self.store = store
        self._stack = ExitStack()
        self._wanted = tables
        self.rows: dict[str, int] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._pending: dict[str, list[pa.RecordBatch]] = {}

    def __enter__(self) -> "RunWriter":
        try:
            self.folder = self._stack.enter_context(staging.beside(self.store.staging))
        except OSError as error:
            raise storage_error("cannot begin a run", error) from None
        for table in self._wanted:
            self.add(table)
        return self

    def add(self, table: str) -> None:
        """Begin one more table."""
        try:
            self._writers[table] = parts.open_part(self.folder / f"{table}.parquet", TABLES[table])
        except OSError as error:
            self.__exit__()
            raise storage_error("cannot begin a run", error) from None
        self.rows[table], self._pending[table] = 0, []

    def write(self, table: str, columns: dict) -> None:
        """Append rows. columns: see parts.batch."""
        self.append(table, parts.batch(table, columns))

    def append(self, table: str, batch: pa.RecordBatch) -> None:
        """Append rows."""
        self.rows[table] += batch.num_rows
        self._pending[table].append(batch)
        if sum(pending.num_rows for pending in self._pending[table]) >= ROW_GROUP:
            self._flush(table)

    def _flush(self, table: str) -> None:
        if self._pending[table]:
            try:
                self._writers[table].write_table(pa.Table.from_batches(self._pending[table]))
            except OSError as error:
                raise storage_error("cannot write rows", error) from None
            self._pending[table] = []

    def publish(self, run: RunFacts) -> RunFacts:
        """Move the parts into place, write the manifest last, and return it.

        run: named facts, less parts and the time when it finished.
        """
        try:
            about = {table: self._publish_part(table, run) for table in self.rows}
            finished = run.finished_at or now()
            manifest = replace(run, parts=json.dumps(about), finished_at=finished)
            staged = self.folder / "manifest.json"
            staged.write_text(manifest.to_json())
            disk.sync(staged)
            os.replace(staged, self.store.manifest(run.run_id))
            self.store.ledger.append([restored(str(run.run_id), MEASURED_AGAIN)])
        except OSError as error:
            raise storage_error("cannot publish a run", error) from None
        return manifest

    def _publish_part(self, table: str, run: RunFacts) -> dict:
        """Count a part's rows, move it into place, and return what the manifest says of it."""
        self._flush(table)
        self._writers.pop(table).close()
        staged, final = self.folder / f"{table}.parquet", self.store.part(table, run.run_id)
        rows = pq.read_metadata(staged).num_rows
        if rows != self.rows[table]:
            raise QwhError(
                f"run {run.run_id}: {rows} rows of {table} on disk, {self.rows[table]} written:"
                " check the disk",
                ExitCode.STORAGE,
            )
        about = {"rows": rows, "bytes": staged.stat().st_size, "sha256": disk.sha256(staged)}
        disk.sync(staged)
        final.parent.mkdir(parents=True, exist_ok=True)
        os.replace(staged, final)
        return about

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            with suppress(OSError):  # a full disk refuses the footer too; the folder goes anyway
                writer.close()
        self._stack.close()


def refuse_pattern(folder: Path) -> None:
    """Raise QwhError for a path of which DuckDB would read another: it cuts names and matches."""
    odd = [sign for sign in PATTERN if sign in str(folder)]
    if odd:
        raise QwhError(
            f"a warehouse cannot lie in {folder}: DuckDB reads {' '.join(odd)} in a path as a"
            " pattern: choose a folder without it",
            ExitCode.USAGE,
        )


def _has_schema(part: Path, schema: pa.Schema) -> bool:
    """Whether a part is there, can be read and has these columns."""
    try:
        return pq.read_schema(part).equals(schema)
    except (FileNotFoundError, pa.ArrowInvalid):
        return False
