"""Names of what a warehouse holds, asked of its file alone: for completion, and `qwh show`.

This opens the file without our functions and imports nothing heavy but duckdb, so that a shell that
waits for a name gets it at once.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

from ..errors import ExitCode, QwhError
from .opened import opened
from .warehouse import DATABASE, analyses

RELATIONS = """
    select table_name, comment from duckdb_tables() where schema_name = 'main' and not internal
    union all
    select view_name, comment from duckdb_views() where schema_name = 'main' and not internal
    order by 1
"""
EMPTY = "Empty "  # begins the sentence of a comment that says when there are no rows
LAYERS = ("dim", "fct", "stat", "find", "int", "stg")  # how names of tables begin, by importance


class Shown(NamedTuple):
    """What can be shown: its name, and what its comment asks or says first."""

    name: str
    sentence: str


def relations(folder: Path) -> list[Shown]:
    """Analyses first, then tables, the ones nearest to a reader before the others.

    Raises QwhError where nothing is built.
    """
    if not (folder / DATABASE).is_file():
        raise QwhError(f"{folder} holds no tables yet: run qwh build", ExitCode.NOT_FOUND)
    comments = dict(_asked(folder, RELATIONS))
    first = analyses()
    names = sorted(comments, key=lambda name: (name not in first, _layer(name), name))
    return [Shown(name, _sentence(comments[name])) for name in names]


def why_empty(folder: Path, name: str) -> str:
    """The sentence of a relation's comment that says when it has no rows, if there is one."""
    comment = dict(_asked(folder, RELATIONS)).get(name)
    return next((each for each in _sentences(comment) if each.startswith(EMPTY)), "")


def cohorts(folder: Path) -> list[str]:
    """Those that were built; before the first build, those that runs lie in."""
    if (folder / DATABASE).is_file():
        return [name for (name,) in _asked(folder, "select cohort_id from dim_cohorts order by 1")]
    return sorted({run["cohort_id"] for run in _manifests(folder)})


def quants(folder: Path, cohort: str | None) -> list[str]:
    """Quants and references, of one cohort or of all."""
    if (folder / DATABASE).is_file():
        rows = _asked(folder, "select distinct cohort_id, quant_id from dim_quants")
    else:
        rows = [(run["cohort_id"], run["quant_id"]) for run in _manifests(folder)]
    return sorted({quant for name, quant in rows if cohort in (None, name)})


def _layer(name: str) -> int:
    """Where a table stands in the list: those of no layer, findings and seeds, come first."""
    prefix = name.partition("_")[0]
    return LAYERS.index(prefix) + 1 if prefix in LAYERS else 0


def _sentence(comment: str | None) -> str:
    """The question that a comment asks, or its first sentence."""
    sentences = _sentences(comment)
    return next((each for each in sentences if each.endswith("?")), sentences[0])


def _sentences(comment: str | None) -> list[str]:
    """A comment's sentences, one at least."""
    return re.split(r"(?<=[.?]) ", " ".join((comment or "").split()))


def _asked(folder: Path, sql: str) -> list[tuple]:
    import duckdb

    path = folder / DATABASE
    try:
        with opened(path, read_only=True) as connection:
            return connection.execute(sql).fetchall()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise QwhError(f"cannot read {path}: {reason}: run qwh build", ExitCode.STORAGE) from None


def _manifests(folder: Path) -> list[dict]:
    paths = (folder / "raw" / "runs").glob("[!._]*.json")
    return [json.loads(path.read_text()) for path in paths]
