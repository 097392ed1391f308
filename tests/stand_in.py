"""A stand-in for dbt that makes three tables at once, so that all around it can be tried often; and
children that kill themselves while they make or build a warehouse.
"""

import multiprocessing
import os
import resource
import signal
import sys
import time
from pathlib import Path

import deaths
import duckdb

from qwh.database import dbt_build
from qwh.database.build import build
from qwh.database.warehouse import DATABASE, Warehouse
from qwh.errors import QwhError
from qwh.raw import store
from qwh.raw.schema import TABLES

CALLS = ("mkdir", "rename", "replace", "fsync", "unlink", "rmdir")  # of os, at which children die
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["stand_in"])


class StandIn:
    """dbt_build.Dbt without dbt: the tables that a build is known by, and one that grows."""

    seconds = 0.0  # that a build takes

    def __init__(self, warehouse: Path, own: Path):
        self.raw, self.database, self.log = warehouse / "raw", own / DATABASE, own / "dbt.log"

    def tables(self) -> set[str]:
        return {"dim_build", "int_seen_files", "unbuilt_cohorts", "grown"}

    def added_to(self) -> list[str]:
        return ["grown"]

    def tests(self) -> list:
        return []

    def build(self, variables: dict, full_refresh: bool = False, *_: str) -> dbt_build.Outcome:
        time.sleep(self.seconds)
        seen = variables["seen"]
        with duckdb.connect(str(self.database)) as connection:
            connection.execute("create table if not exists grown (n integer)")
            connection.execute("insert into grown select count(*) from grown")
            connection.execute(
                "create or replace table dim_build as select ? as built_at, ? as qwh_version,"
                " ? as code, ? as asked_settings",
                [seen[name] for name in ("built_at", "qwh_version", "code", "settings")],
            )
            connection.execute(
                "create or replace table int_seen_files as from read_json(?, columns ="
                " {path: 'VARCHAR', sha256: 'VARCHAR'}) where path is not null",
                [seen["files"]],
            )
            connection.execute(
                "create or replace table unbuilt_cohorts (cohort_id varchar, reason varchar)"
            )
        return dbt_build.Outcome(None, [], 0)


def child(work, *arguments, die_at: int = 0, most: int | None = None) -> multiprocessing.Process:
    """Do work in a child. die_at: it kills itself at its n-th call of CALLS. most: bytes that a
    file of its own may have; it dies of the write that goes beyond.
    """
    process = CONTEXT.Process(target=_do, args=(work, arguments, die_at, most))
    process.start()
    return process


def make(folder: Path, tables: int = len(TABLES)) -> None:
    """What `qwh init` does, for some of the tables."""
    store.TABLES = dict(list(TABLES.items())[:tables])
    store.Store(folder).create()
    store.TABLES = TABLES


def build_quickly(
    folder: Path, said: Path | None = None, wait: bool = False, seconds: float = 0.0
) -> None:
    """`qwh build` with the stand-in; a refusal goes to the file `said`."""
    dbt_build.Dbt = StandIn  # type: ignore[assignment, misc]
    StandIn.seconds = seconds
    try:
        build(Warehouse(folder), full_refresh=True, wait=wait)
    except QwhError as error:
        if said is None:
            raise
        said.write_text(f"{os.getpid()} {error}")
        sys.exit(int(error.code))


def _do(work, arguments: tuple, die_at: int, most: int | None) -> None:
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the child is gone
    if most is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
    if die_at:
        deaths.die_at(die_at, CALLS)
    work(*arguments)
