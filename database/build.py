"""Raw to tables: `dbt build` on a copy beside, which takes the database's place when all went well.

Readers never meet a lock, and a build that fails leaves the tables as they were. A cohort whose own
rows would make it fail is set aside in unbuilt_cohorts, and the others are built.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ExitCode, QwhError, storage_error
from ..progress import say
from ..raw.store import Store
from .culprits import blamed, damaged_parts, lost_parts
from .warehouse import DATABASE, PROJECT, Warehouse

OTHER_COLUMNS = "out of sync"  # dbt's words where a table has other columns than its model
OTHER_SEED = "sniffing file"  # DuckDB's, where a seed has


class Failure(NamedTuple):
    """What a dbt build stopped at."""

    words: str  # dbt's own, of the first
    nodes: list[Any]  # dbt's: the models and tests that failed


def build(
    warehouse: Warehouse,
    full_refresh: bool = False,
    select: str | None = None,
    settings: dict[str, Any] | None = None,
) -> dict[str, str]:
    """Refresh every table and run every data test; cohort -> why it was set aside.

    select: dbt's own selection of models, which sets nothing aside. settings: in place of the vars
    of dbt_project.yml. Tables that an older version of qwh built with other columns are all built
    anew. Raises QwhError if a model or a test fails and the rows of no one cohort are to blame.
    """
    work = warehouse.existing().folder / ".build"
    store = Store(warehouse.folder).create()  # raw tables that an older version did not know
    beside = work / DATABASE  # same file name: DuckDB keeps it inside macros and views
    try:
        work.mkdir(exist_ok=True)
        unbuilt, asked = {} if select else lost_parts(store), settings or {}
        while failure := _dbt_build(
            warehouse, full_refresh, select, asked | ({"unbuilt": unbuilt} if unbuilt else {})
        ):
            if not full_refresh and _of_another_version(failure.words):
                say("the tables are of an older version of qwh: building all of them from raw")
                full_refresh = True
                continue
            found = {} if select else _culprits(store, beside, failure)
            if found.keys() <= unbuilt.keys():
                raise QwhError(
                    f"dbt build failed: {failure.words}: see {work / 'logs' / 'dbt.log'}",
                    ExitCode.BUILD_FAILED,
                )
            unbuilt = found | unbuilt
        os.replace(beside, warehouse.database)
    except OSError as error:
        raise storage_error(f"cannot build {warehouse.database}", error) from None
    for cohort, reason in unbuilt.items():
        say(f"cohort {cohort} is set aside: {reason}")
    return unbuilt


def _culprits(store: Store, beside: Path, failure: Failure) -> dict[str, str]:
    """cohort -> the reason, of those whose rows or parts made the build fail."""
    return blamed(beside, failure.nodes) or damaged_parts(store)


def _dbt_build(
    warehouse: Warehouse, full_refresh: bool, select: str | None, settings: dict[str, Any]
) -> Failure | None:
    """Build a copy of the database with some of dbt's vars; None, or what failed.

    A full refresh of everything begins with an empty file: no table of a model that is gone stays.
    """
    from dbt.cli.main import dbtRunner

    beside = warehouse.folder / ".build" / DATABASE
    if warehouse.database.exists() and (select or not full_refresh):
        shutil.copy2(warehouse.database, beside)
    else:
        beside.unlink(missing_ok=True)
    os.environ |= {"QWH_WAREHOUSE": str(warehouse.folder), "QWH_DATABASE": str(beside)}
    folders = {
        "--project-dir": PROJECT,
        "--profiles-dir": PROJECT,
        "--target-path": beside.parent / "target",
        "--log-path": beside.parent / "logs",
    }
    arguments = ["build", "--quiet", "--log-level", "none", "--log-level-file", "debug"]
    for option, folder in folders.items():
        arguments += [option, str(folder)]
    arguments += ["--full-refresh"] if full_refresh else []
    # what only tells of the code is asked where its models are built by name, and by pytest
    arguments += ["--select", select] if select else ["--exclude-resource-type", "unit_test"]
    arguments += ["--vars", json.dumps(settings)] if settings else []
    result = dbtRunner().invoke(arguments)
    _let_go_of_the_database()
    return None if result.success else _failure(result)


def _let_go_of_the_database() -> None:
    """Close the file, which dbt-duckdb keeps open: then all is in it and nothing in its log."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    try:
        environment = DuckDBConnectionManager.env()
    except Exception:  # that very class: dbt stopped before it opened the file
        return
    DuckDBConnectionManager.close_all_connections()
    environment.close()


def _of_another_version(failure: str) -> bool:
    """Whether a table or a seed has other columns than the ones that are there."""
    return OTHER_COLUMNS in failure or (OTHER_SEED in failure and "seeds" in failure)


def _failure(result: Any) -> Failure:
    """What failed, with dbt's own words for the first of it, on one line."""
    if result.exception:
        return Failure(str(result.exception), [])
    failed = [
        node for node in result.result or [] if node.status in ("error", "fail", "runtime error")
    ]
    words = f"{failed[0].node.name}: {failed[0].message}" if failed else "no reason given"
    return Failure(words, [each.node for each in failed])
