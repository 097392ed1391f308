"""Whose rows stopped a build: the cohorts that are set aside, each with its reason."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..kernels import udf
from ..raw import disk
from ..raw.store import Store
from .opened import opened
from .warehouse import DATABASE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BUILT = Path(DATABASE).stem  # what dbt calls the database in its SQL
NAMED, LONGEST = 4, 60  # values of a broken row that a reason names, and their characters


def lost_parts(store: Store) -> dict[str, str]:
    """cohort -> what is lost, of cohorts whose parts are not there or not of their size.

    A part that no table can be read with is moved beside, out of the sight of the other cohorts.
    """
    return _flawed(store, lambda part, about: part.stat().st_size == about["bytes"])


def damaged_parts(store: Store) -> dict[str, str]:
    """The same, of cohorts whose parts are not what was published, by their hashes."""
    return _flawed(store, lambda part, about: disk.sha256(part) == about["sha256"])


def _flawed(store: Store, is_whole: Any) -> dict[str, str]:
    """cohort -> the reason, of the first part of each that is not whole."""
    found: dict[str, str] = {}
    for run in store.runs():
        for table, about in json.loads(run.parts or "{}").items():
            part = store.part(table, run.run_id)
            what = f"the {table} of its run {run.run_id} ({run.quant_id} on {run.corpus_id})"
            aside = part.with_suffix(".damaged")
            if part.exists():
                if is_whole(part, about):
                    continue
                part.replace(aside)
            flaw = f"damaged, and lie in {aside} now" if aside.exists() else "lost"
            reason = f"{what} are {flaw}: restore {part}, or qwh runs retract {run.run_id}"
            found.setdefault(str(run.cohort_id), reason)
    return found


def blamed(database: Path, raw: Path, nodes: list[Any]) -> dict[str, str]:
    """cohort -> the reason, of cohorts whose rows alone make one of dbt's failed nodes fail.

    raw: the folder that the database's views read.
    Each node's SQL is asked of one cohort's rows at a time. A node that fails without any rows is
    nobody's fault.
    """
    import duckdb

    found: dict[str, str] = {}
    with opened() as connection:
        udf.register(connection)
        connection.execute("set variable qwh_raw = ?", [str(raw)])
        quoted = str(database).replace("'", "''")
        try:
            connection.execute(f"attach '{quoted}' as {BUILT} (read_only)")
            cohorts = connection.sql(f"select distinct cohort_id from {BUILT}.stg_runs order by 1")
        except duckdb.Error:
            return {}  # it stopped before it looked at any
        names = [name for (name,) in cohorts.fetchall()]
        for node in nodes:
            if node.resource_type not in ("model", "test") or not node.compiled_code:
                continue
            if _complaint(connection, node, None) is None:
                for name in names:
                    complaint = _complaint(connection, node, name)
                    if complaint:
                        found.setdefault(name, complaint)
    return found


def _show(connection: "DuckDBPyConnection", tables: list[str], cohort: str | None) -> None:
    """Views of tables under their own names, with the rows of one cohort; None: of no cohort."""
    value = "null" if cohort is None else "'" + cohort.replace("'", "''") + "'"
    runs = f"select run_id from {BUILT}.stg_runs where cohort_id = {value}"
    for table in tables:
        columns = connection.table(f"{BUILT}.{table}").columns
        kept = "true"
        if "cohort_id" in columns:
            kept = f"cohort_id = {value}"
        elif "run_id" in columns:
            kept = f"run_id in ({runs})"
        connection.execute(f"create or replace view {table} as from {BUILT}.{table} where {kept}")


def _complaint(connection: "DuckDBPyConnection", node: Any, cohort: str | None) -> str | None:
    """What a node's SQL says of a cohort's rows: a test's broken rule, a model's error, or None."""
    import duckdb

    code = node.compiled_code.replace(f'"{BUILT}"."main".', "")
    inputs = [each.rsplit(".", 1)[-1] for each in node.depends_on.nodes if ".raw." not in each]
    try:
        _show(connection, inputs, cohort)
        connection.execute(f"create or replace temp table answer as {code}")
    except duckdb.Error as error:
        return f"{node.name} cannot be made of its rows: {str(error).splitlines()[0]}"
    row = connection.execute("from answer limit 1").fetchone()
    if node.resource_type == "model" or row is None:
        return None
    names = [column[0] for column in connection.description]
    known = [f"{name} {_plain(value)}" for name, value in zip(names, row) if _plain(value)]
    return f"its rows break the rule that {_rule(node)}: {', '.join(known[:NAMED])}"


def _plain(value: object) -> str:
    """A value as a word or two; empty for what is none or long."""
    words = " and ".join(map(str, value[:3])) if isinstance(value, list) else str(value)
    return words if value is not None and len(words) <= LONGEST else ""


def _rule(node: Any) -> str:
    """What a data test asks, in words."""
    about = getattr(node, "test_metadata", None)
    if about is None:
        return node.name.replace("_", " ")
    model = next((each.rsplit(".", 1)[-1] for each in node.depends_on.nodes), "a table")
    given = about.kwargs
    if about.name == "unique_grain":
        return f"{model} has one row for each {', '.join(given['columns'])}"
    if about.name == "not_null":
        return f"{given['column_name']} is known in {model}"
    return f"{given.get('expression', about.name)} holds in {model}"
