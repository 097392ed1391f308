"""Raw to tables: `dbt build` on a copy beside, which takes the database's place when all went well.

Readers never meet a lock, and a build that fails leaves the tables as they were.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from ..errors import ExitCode, QwhError, storage_error
from ..progress import say
from ..raw.store import Store
from .warehouse import DATABASE, PROJECT, Warehouse

OTHER_COLUMNS = "out of sync"  # dbt's words where a table has other columns than its model
OTHER_SEED = "sniffing file"  # DuckDB's, where a seed has


def build(warehouse: Warehouse, full_refresh: bool = False, select: str | None = None) -> None:
    """Refresh every table and run every data test.

    select: dbt's own selection of models. Tables that an older version of qwh built with other
    columns are all built anew. Raises QwhError if a model or a test fails.
    """
    work = warehouse.existing().folder / ".build"
    Store(warehouse.folder).create()  # raw tables that an older version did not know
    beside = work / DATABASE  # same file name: DuckDB keeps it inside macros and views
    try:
        work.mkdir(exist_ok=True)
        failure = _dbt_build(warehouse, beside, full_refresh, select)
        if failure and not full_refresh and _of_another_version(failure):
            say("the tables are of an older version of qwh: building all of them from raw")
            failure = _dbt_build(warehouse, beside, True, select)
        if failure:
            raise QwhError(
                f"dbt build failed: {failure}: see {work / 'logs' / 'dbt.log'}",
                ExitCode.BUILD_FAILED,
            )
        os.replace(beside, warehouse.database)
    except OSError as error:
        raise storage_error(f"cannot build {warehouse.database}", error) from None


def _dbt_build(
    warehouse: Warehouse, beside: Path, full_refresh: bool, select: str | None
) -> str | None:
    """Build a copy of the database; None, or what failed first.

    A full refresh of everything begins with an empty file: no table of a model that is gone stays.
    """
    from dbt.cli.main import dbtRunner

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
    arguments = ["build", "--quiet"]
    for option, folder in folders.items():
        arguments += [option, str(folder)]
    arguments += ["--full-refresh"] if full_refresh else []
    arguments += ["--select", select] if select else []
    result = dbtRunner().invoke(arguments)
    _let_go_of_the_database()
    return None if result.success else _first_failure(result)


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


def _first_failure(result: Any) -> str:
    """dbt's own words for the first thing that failed, on one line."""
    if result.exception:
        return str(result.exception)
    failed = [
        node for node in result.result or [] if node.status in ("error", "fail", "runtime error")
    ]
    return f"{failed[0].node.name}: {failed[0].message}" if failed else "no reason given"
