"""Whether the tables are behind raw/: every build keeps what it saw there when it began.

Nothing here imports dbt: the answer takes a few hundredths of a second.
"""

import hashlib
import json
from collections import Counter
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import DISTRIBUTION, ExitCode, QwhError
from ..progress import say
from ..raw.manifest import now
from ..raw.store import Store
from .opened import opened
from .warehouse import PROJECT, Warehouse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WHAT = {"runs": "run", "edits": "edit", "measures": "measure"}  # folder of raw -> what a file is
CODE = ("models", "macros", "analyses", "seeds", "kernels/statistics")  # and what lies in tests/
DIGITS = 16  # of hashes, hex


class Seen(NamedTuple):
    """What a build saw when it began, or what one would see that begins now."""

    built_at: str  # UTC
    qwh_version: str
    code: str  # hash of all that makes tables out of raw
    settings: str  # JSON: what it was told in place of the project's vars
    files: dict[str, str]  # path in raw/ -> hash: runs, edits, measures


def look(warehouse: Warehouse, settings: dict[str, Any]) -> Seen:
    """What a build with these settings sees that begins now."""
    asked = json.dumps(settings, sort_keys=True)
    return Seen(now(), version(DISTRIBUTION), code(), asked, _files(Store(warehouse.folder)))


def last(warehouse: Warehouse) -> Seen | None:
    """What the last whole build saw; None if the tables do not say it, or cannot be read."""
    import duckdb

    try:
        with opened(warehouse.database, read_only=True) as connection:
            return _kept(connection)
    except duckdb.Error:
        return None


def stale(warehouse: Warehouse, settings: dict[str, Any] | None = None) -> list[str]:
    """Why a build is due, a few words each; empty if it would change nothing.

    settings: what the build would be told; None: what the last one was.
    """
    if not warehouse.existing().database.exists():
        return ["nothing is built yet"]
    before = last(warehouse)
    if before is None:
        return ["the tables are of an older version, of a part of the models, or damaged"]
    after = look(warehouse, json.loads(before.settings) if settings is None else settings)
    reasons = [] if before.settings == after.settings else ["other settings are asked for"]
    if (before.qwh_version, before.code) != (after.qwh_version, after.code):
        reasons.append("the tables are of another version of qwh")
    return [*_differences(before.files, after.files), *reasons]


def say_if_due(warehouse: Warehouse) -> None:
    """One line on stderr where the tables are behind; what is asked is answered all the same.

    That there is no warehouse is left to whoever asks it.
    """
    try:
        reasons = stale(warehouse)
    except (QwhError, OSError) as error:
        if isinstance(error, QwhError) and error.code is ExitCode.NOT_FOUND:
            return
        reasons = [str(error)]
    if reasons:
        say(f"the tables are behind ({'; '.join(reasons)}): run qwh build")


def settings_of_last(warehouse: Warehouse) -> dict[str, Any]:
    """What the last whole build was told in place of the project's vars."""
    before = last(warehouse)
    return json.loads(before.settings) if before else {}


def sets_aside(warehouse: Warehouse) -> bool:
    """Whether the last build set a cohort aside, which may be mended since: a build would look."""
    with opened(warehouse.database, read_only=True) as connection:
        return connection.execute("from unbuilt_cohorts limit 1").fetchone() is not None


@lru_cache
def code() -> str:
    """A hash of all that makes tables out of raw: SQL, settings, seeds and statistics."""
    folders = (PROJECT / folder for folder in CODE)
    paths = [path for folder in folders for path in folder.rglob("*.*") if path.is_file()]
    paths = [path for path in paths if path.suffix in (".sql", ".yml", ".csv", ".py")]
    digest = hashlib.sha256()
    for path in sorted([*paths, *PROJECT.glob("*.yml"), *PROJECT.glob("tests/*.sql")]):
        digest.update(f"{path.relative_to(PROJECT)} {_hash(path.read_bytes())}\n".encode())
    return digest.hexdigest()[:DIGITS]


def _files(store: Store) -> dict[str, str]:
    """path in raw/ -> hash, of all small files that say what there is."""
    return {
        f"{folder}/{path.name}": _hash(path.read_bytes())
        for folder in WHAT
        for path in (store.raw / folder).glob("[!._]*.json")
    }


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def _kept(connection: "DuckDBPyConnection") -> Seen | None:
    """What the tables themselves say of their build."""
    row = connection.execute(
        "select built_at, qwh_version, code, asked_settings from dim_build where code is not null"
    ).fetchone()
    files = connection.execute("select path, sha256 from int_seen_files").fetchall()
    if row is None:
        return None
    built_at, qwh_version, made_by, settings = row
    return Seen(built_at, qwh_version, made_by, settings, dict(files))


def _differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What is new, gone or changed, counted: 3 runs are new."""
    ways = {
        "new": after.keys() - before.keys(),
        "gone": before.keys() - after.keys(),
        "changed": {path for path in before.keys() & after.keys() if before[path] != after[path]},
    }
    counts = Counter((path.split("/")[0], way) for way, paths in ways.items() for path in paths)
    return [
        f"{n} {WHAT[folder]}{'s are' if n > 1 else ' is'} {way}"
        for folder in WHAT
        for way in ways
        if (n := counts[folder, way])
    ]
