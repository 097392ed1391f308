"""A warehouse as one DuckDB file with everything in it, for machines that have no raw folder."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ExitCode, QwhError, storage_error
from ..progress import progress
from .database_file import VERSION
from .opened import opened
from .warehouse import Warehouse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

READS_RAW = "%read_parquet(%", "%read_json(%"  # in a view's SQL
OF_RAW = re.compile(r" Reads raw/ beside this file;.*")  # the docs block reads_raw


def bundle(warehouse: Warehouse, path: Path) -> int:
    """Write all tables, views, macros and comments into one file; returns its size in bytes.

    Views that read raw become tables, the others stay views over those. The file is there whole or
    not at all. Raises QwhError where it would be the warehouse's own, or cannot be written.
    """
    import duckdb

    target = path.expanduser().resolve()
    own = warehouse.built().database
    if target == own or (target.exists() and target.samefile(own)):
        raise QwhError(
            f"{path} is the warehouse's own file: give another -o for the bundle", ExitCode.USAGE
        )
    if (target.exists() and not target.is_file()) or not target.parent.is_dir():
        raise QwhError(
            f"cannot write {path}: give a file in a folder that is there", ExitCode.NOT_FOUND
        )
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with opened() as connection:
            _attach(connection, warehouse, beside)
            _fill(connection)
        os.replace(beside, target)
        return target.stat().st_size
    except OSError as error:
        raise storage_error(f"cannot write {path}", error) from None
    except duckdb.Error as error:
        raise QwhError(
            f"cannot bundle {warehouse.folder}: {error}: run qwh build, and look at the space left"
            f" beside {path}",
            ExitCode.STORAGE,
        ) from None
    finally:
        for ending in ("", ".wal"):
            Path(f"{beside}{ending}").unlink(missing_ok=True)


def _attach(connection: "DuckDBPyConnection", warehouse: Warehouse, beside: Path) -> None:
    """The warehouse, read-only, and the new file; nothing of it but its tables' shapes yet."""
    texts = {
        "own": str(warehouse.database),
        "new": str(beside),
        "raw": str(warehouse.folder / "raw"),
        "spill": f"{beside}.tmp",
    }
    quoted = {key: text.replace("'", "''") for key, text in texts.items()}
    connection.execute(
        "set temp_directory = '{spill}'; attach '{own}' as warehouse (read_only);"
        " attach '{new}' as bundle (storage_version '{version}');"
        " set variable qwh_raw = '{raw}';"
        " copy from database warehouse to bundle (schema)".format(**quoted, version=VERSION)
    )


def _fill(connection: "DuckDBPyConnection") -> None:
    """Copy the rows, table by table."""
    tables = connection.execute(
        "select table_name from duckdb_tables() where database_name = 'warehouse' order by 1"
    ).fetchall()
    views = connection.execute(
        "select view_name from duckdb_views() where database_name = 'warehouse' and not internal"
        " and (sql like ? or sql like ?) order by 1",
        READS_RAW,
    ).fetchall()
    with progress("bundle", len(tables) + len(views), "tables") as bar:
        for (name,) in tables:
            connection.execute(f'insert into bundle."{name}" from warehouse."{name}"')
            bar.advance(1)
        for (name,) in views:
            connection.execute(f'drop view bundle."{name}"')
            connection.execute(f'create table bundle."{name}" as from warehouse."{name}"')
            bar.advance(1)
    _comment(connection)
    connection.execute("checkpoint bundle; detach bundle")


def _comment(connection: "DuckDBPyConnection") -> None:
    """Say of the new tables what was said of their views, and of none that it reads raw."""
    tables = connection.execute(
        """
        select if(kinds.name is null, 'view', 'table'), views.view_name, views.comment,
        from duckdb_views() as views
        left join (
            select table_name as name, from duckdb_tables() where database_name = 'bundle'
        ) as kinds on views.view_name = kinds.name
        where views.database_name = 'warehouse' and not internal and views.comment is not null
        """
    ).fetchall()
    for kind, name, comment in tables:
        said = OF_RAW.sub("", comment).replace("'", "''")
        connection.execute(f"comment on {kind} bundle.\"{name}\" is '{said}'")
    columns = connection.execute(
        """
        select views.table_name, views.column_name, views.comment,
        from duckdb_columns() as views
        inner join duckdb_tables() as tables
            on tables.database_name = 'bundle' and views.table_name = tables.table_name
        inner join duckdb_columns() as bare
            on bare.database_name = 'bundle'
            and views.table_name = bare.table_name
            and views.column_name = bare.column_name
        where views.database_name = 'warehouse' and bare.comment is null
            and views.comment is not null
        """
    ).fetchall()
    for table, name, comment in columns:
        said = comment.replace("'", "''")
        connection.execute(f'comment on column bundle."{table}"."{name}" is \'{said}\'')
