"""Raw to tables: dbt builds a copy beside, which takes the database's place when all went well.

Readers never meet a lock, and a build that fails leaves the tables as they were. A cohort whose own
rows would make it fail is set aside in unbuilt_cohorts, and the others are built. Where nothing is
new, nothing is done.
"""

import gc
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ExitCode, QwhError, of_a_disk, storage_error
from ..progress import say
from ..raw.store import Store
from . import asserted, database_file, dbt_build, freshness, measures
from .culprits import blamed, damaged_parts, lost_parts
from .dbt_build import Outcome
from .warehouse import Warehouse
from .workplace import workplace

OTHER_COLUMNS = "out of sync"  # dbt's words where a table has other columns than its model
MEASURES = "dim_measures"  # the model that a user's own figures enter by
# what only tells of the code is asked where its models are built by name, and by pytest
WITHOUT_UNIT_TESTS = ["--exclude-resource-type", "unit_test"]
OTHER_SEED = "sniffing file"  # DuckDB's, where a seed has


class Built(NamedTuple):
    """What a build did."""

    unbuilt: dict[str, str]  # cohort -> why it was set aside
    unasked: dict[str, str]  # a user's measure -> why it has no values
    tables: int  # 0: nothing was new
    runs: int
    tests: int  # data tests that passed
    seconds: float

    def line(self) -> str:
        """What it did, for a person."""
        if not self.tables:
            return (
                f"nothing is new since the last build ({self.runs} runs): qwh build --full-refresh"
                " builds all the same"
            )
        return (
            f"built {self.tables} tables of {self.runs} runs in {self.seconds:.0f} s;"
            f" {self.tests} data tests passed"
        )


def build(
    warehouse: Warehouse,
    full_refresh: bool = False,
    select: str | None = None,
    settings: dict[str, Any] | None = None,
    wait: bool = False,
) -> Built:
    """Refresh every table and run every data test, unless nothing is new.

    full_refresh: from nothing but raw. select: dbt's own selection of models, which sets nothing
    aside. settings: in place of the vars of dbt_project.yml; None: those of the last build. wait:
    for another build to be done. Tables that an older version of qwh built with other columns are
    all built anew, and so are those of a database that cannot be read. Raises QwhError if a model
    or a test fails and the rows of no one cohort are to blame, or if another build is at work.
    """
    began = time.monotonic()
    store = Store(warehouse.existing().folder).create()  # raw tables that an older one did not know
    try:
        with workplace(warehouse.folder, wait) as own:
            if settings is None:
                settings = freshness.settings_of_last(warehouse)
            lost = {} if select else lost_parts(store)
            if not (full_refresh or select or lost) and _is_done(warehouse, settings):
                return Built({}, {}, 0, len(store.runs()), 0, time.monotonic() - began)
            with _few_collections():
                work = _Work(warehouse, store, own, select, settings)
                built = work.done(full_refresh, lost)
            return built._replace(seconds=time.monotonic() - began)
    except OSError as error:
        raise storage_error(f"cannot build {warehouse.database}", error) from None


@contextmanager
def _few_collections() -> Iterator[None]:
    """Let Python look for cycles of garbage rarely: each look goes through all that dbt knows, at
    the end of the process too, and they are a fifth of a build.
    """
    kept = gc.get_threshold()
    gc.unfreeze()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*kept)
        gc.freeze()


def _is_done(warehouse: Warehouse, settings: dict[str, Any]) -> bool:
    """Whether the tables are what a build would make."""
    return (
        database_file.as_built(warehouse.database)
        and not freshness.stale(warehouse, settings)
        and not freshness.sets_aside(warehouse)
    )


class _Work:
    """One build in its folder, from what it begins with to what takes the database's place."""

    def __init__(
        self,
        warehouse: Warehouse,
        store: Store,
        own: Path,
        select: str | None,
        settings: dict[str, Any],
    ):
        self.warehouse, self.store, self.own, self.select = warehouse, store, own, select
        seen = freshness.look(warehouse, settings)
        files = own / "seen.json"
        rows = [{"path": path, "sha256": digest} for path, digest in seen.files.items()]
        files.write_text(json.dumps(rows or [{"path": None, "sha256": None}]))
        told = seen._asdict() | {"files": str(files)}
        self.variables = settings | {"seen": told}
        self.dbt = dbt_build.Dbt(warehouse.folder, own)

    def done(self, full_refresh: bool, unbuilt: dict[str, str]) -> Built:
        """Build, set aside what stops it, build again; then publish."""
        while True:
            self._begin(full_refresh)
            outcome, unasked = self._tables(
                self.variables | ({"unbuilt": unbuilt} if unbuilt else {}), full_refresh
            )
            if not self.select:
                outcome = self._asserted(outcome)
            if outcome.words is None:
                break
            if stopped := of_a_disk(outcome.words):
                raise stopped
            if not full_refresh and _of_another_version(outcome.words):
                say("the tables are of an older version of qwh: building all of them from raw")
                full_refresh = True
                continue
            found = {} if self.select else self._culprits(outcome.failed)
            if found.keys() <= unbuilt.keys():
                raise QwhError(
                    f"dbt build failed: {outcome.words}: see {self.dbt.log}", ExitCode.BUILD_FAILED
                )
            unbuilt = found | unbuilt
        return self._published(outcome.tests, unbuilt, unasked)

    def _begin(self, full_refresh: bool) -> None:
        """Lay what there is beside: all of it where models are named, else the tables that builds
        add to, and no table of a model that is gone; nothing where it cannot be read.
        """
        database, beside = self.warehouse.database, self.dbt.database
        _remove(beside)
        if not database.exists() or (full_refresh and not self.select):
            return
        if self.select:
            flaw = database_file.flaw(database)
            if flaw is None:
                shutil.copy2(database, beside)
        else:
            flaw = database_file.carry(database, beside, self.dbt.added_to())
        if flaw:
            _remove(beside)
            say(f"{database} cannot be read ({flaw}): building all of it from raw")

    def _tables(
        self, variables: dict[str, Any], full_refresh: bool
    ) -> tuple[Outcome, dict[str, str]]:
        """dbt's outcome, and the user's measures that could not be asked.

        They are asked once all that they may read is built.
        """
        given = ["--select", *self.select.split()] if self.select else WITHOUT_UNIT_TESTS
        left_out = [] if self.select else asserted.LEFT_OUT
        if not measures.listed(self.warehouse):
            given = [*given, "--exclude", *left_out] if left_out else given
            return self.dbt.build(variables, full_refresh, *given), {}
        excluded = ["--exclude", *left_out, f"{MEASURES}+"]
        first = self.dbt.build(variables, full_refresh, *given, *excluded)
        if first.words:
            return first, {}
        file = self.own / "measured.parquet"
        unasked = measures.ask(self.warehouse, self.dbt.database, self.dbt.after(MEASURES), file)
        if self.select:
            given = ["--select", *(f"{each},{MEASURES}+" for each in self.select.split())]
        else:
            given = [*given, "--exclude", *left_out, "--select", f"{MEASURES}+"]
        told = variables | {"measured": {"file": str(file)}}  # dbt renders a bare text as Jinja
        second = self.dbt.build(told, full_refresh, *given)
        return first.and_then(second), unasked

    def _asserted(self, outcome: Outcome) -> Outcome:
        """dbt's outcome, and that of the data tests that are asked in one go."""
        raw = self.warehouse.folder / "raw"
        told = asserted.answers(self.dbt.database, raw, self.dbt.tests())
        return Outcome(
            outcome.words or told.words, told.failed + outcome.failed, outcome.tests + told.tests
        )

    def _culprits(self, failed: list[Any]) -> dict[str, str]:
        """cohort -> the reason, of those whose rows or parts made the build fail."""
        raw = self.warehouse.folder / "raw"
        return blamed(self.dbt.database, raw, failed) or damaged_parts(self.store)

    def _published(self, tests: int, unbuilt: dict[str, str], unasked: dict[str, str]) -> Built:
        """Look at the file that was built, and let it take the database's place."""
        wanted = set() if self.select else self.dbt.tables()
        tables = database_file.tables(self.dbt.database, wanted)
        aside = database_file.publish(self.dbt.database, self.warehouse.database)
        if aside:
            say(f"what lay in the database's place is no database of qwh's: it is {aside} now")
        for cohort, reason in unbuilt.items():
            say(f"cohort {cohort} is set aside: {reason}")
        for name, reason in unasked.items():
            say(f"the measure {name} has no values: {reason}")
        return Built(unbuilt, unasked, tables, len(self.store.runs()), tests, 0.0)


def _remove(database: Path) -> None:
    """Remove a file of a build's own, and its log."""
    for left in (database, database.with_name(f"{database.name}.wal")):
        left.unlink(missing_ok=True)


def _of_another_version(failure: str) -> bool:
    """Whether a table or a seed has other columns than the ones that are there."""
    return OTHER_COLUMNS in failure or (OTHER_SEED in failure and "seeds" in failure)
