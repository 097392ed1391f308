"""warehouse.duckdb on disk: whether it can be read, and how a newly built one takes its place.

All of it is made from raw/. What a build begins with is a copy of it if it can be read, and nothing
otherwise; what is no database of ours is never overwritten but moved beside.
"""

import os
import re
import shutil
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ExitCode, QwhError
from ..raw import disk
from .opened import opened

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SIGN, SIGN_AT = b"DUCK", 8  # what DuckDB's files have, and where
BROKEN = re.compile(
    "Corrupt database|valid DuckDB|enough bytes|Is a directory|serializ|INTERNAL Error"
)
VERSION = "v1.5.0"  # of a file, so that the DuckDB 1.5 shell opens it, as in profiles.yml
TABLES = "select table_name from duckdb_tables() where not temporary and database_name ="


def as_built(database: Path) -> bool:
    """Whether a file is, byte for byte, what the last build published."""
    try:
        return disk.sha256(database) == _hash_of(database).read_text().strip()
    except OSError:
        return False


def flaw(database: Path) -> str | None:
    """Why a file cannot be read, in DuckDB's words; None if every row of it can."""
    import duckdb

    if as_built(database):
        return None
    try:
        with opened(database, read_only=True) as connection:
            for table in _tables(connection):
                connection.execute(f'select bit_xor(hash(t)) from "{table}" as t').fetchall()
    except (duckdb.Error, RuntimeError) as error:
        return _words(error)
    return None


def carry(database: Path, beside: Path, names: list[str]) -> str | None:
    """Take over the tables that builds add to into a new file; why not, or None."""
    import duckdb

    quoted = str(database).replace("'", "''")
    try:
        with opened(beside, config={"storage_compatibility_version": VERSION}) as new:
            new.execute(f"attach '{quoted}' as former (read_only)")
            held = new.execute(f"{TABLES} 'former'").fetchall()
            for name in names:
                if (name,) in held:
                    new.execute(f'create table "{name}" as from former."{name}"')
    except (duckdb.Error, RuntimeError) as error:
        return _words(error)
    return None


def broken(error: Exception) -> QwhError | None:
    """The one line for an error of DuckDB's that says that the file cannot be read; else None."""
    words = _words(error)
    if not BROKEN.search(words):
        return None
    return QwhError(
        f"warehouse.duckdb cannot be read ({words}): run qwh build, which makes it anew from raw",
        ExitCode.STORAGE,
    )


def tables(database: Path, wanted: set[str]) -> int:
    """How many tables a built file holds, which is opened and counted.

    Raises QwhError if it cannot be read, or if one of those wanted is not there.
    """
    import duckdb

    try:
        with opened(database, read_only=True) as connection:
            held = _tables(connection)
            for table in held:
                connection.execute(f'select count(*) from "{table}"').fetchall()
            views = connection.execute("select view_name from duckdb_views()").fetchall()
    except duckdb.Error as error:
        raise _unfit(f"cannot be read: {_words(error)}") from None
    lacking = sorted(wanted - {*held, *(name for (name,) in views)})
    if lacking:
        raise _unfit(f"lacks {', '.join(lacking)}")
    return len(held)


def publish(beside: Path, database: Path) -> Path | None:
    """Let a built file take the database's place; returns where something that was no database of
    ours lies now. Raises OSError.
    """
    disk.sync(beside)
    aside = _move_aside(database)
    hashed = beside.with_suffix(".sha256")
    hashed.write_text(disk.sha256(beside))
    database.with_name(f"{database.name}.wal").unlink(missing_ok=True)  # of the older file
    os.replace(beside, database)
    os.replace(hashed, _hash_of(database))
    return aside


def _move_aside(database: Path) -> Path | None:
    """Keep a folder, or a file that DuckDB did not write, under another name."""
    if not database.exists() or _is_ours(database):
        return None
    names = (database.with_name(f"{database.name}.aside-{n}") for n in count(1))
    aside = next(name for name in names if not name.exists())
    shutil.move(database, aside)
    return aside


def _is_ours(database: Path) -> bool:
    """Whether it is DuckDB's, however damaged, or empty."""
    if not database.is_file():
        return False
    with open(database, "rb") as opened:
        head = opened.read(SIGN_AT + len(SIGN))
    return not head or head[SIGN_AT:] == SIGN


def _tables(connection: "DuckDBPyConnection") -> list[str]:
    """The names of all tables of the file that was opened."""
    return [name for (name,) in connection.execute(f"{TABLES} current_catalog()").fetchall()]


def _words(error: Exception) -> str:
    """What DuckDB says, on one line."""
    return str(error).splitlines()[0]


def _hash_of(database: Path) -> Path:
    """Where the hash of the published file lies."""
    return database.parent / ".build" / f"{database.name}.sha256"


def _unfit(what: str) -> QwhError:
    return QwhError(
        f"the built database {what}: the tables stay as they were: check the disk, then run qwh"
        " build --full-refresh",
        ExitCode.BUILD_FAILED,
    )
