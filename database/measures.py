"""A user's own figure per quant, one SELECT, in the study's tables under the same protection.

A measure lies in raw/measures/NAME.json. Every build asks it anew once all that it may read is
built, on a connection that reads the warehouse and no other file; dim_measures says how that went.
"""

import json
import re
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ExitCode, QwhError, meant, storage_error
from ..progress import say
from ..raw.store import Store
from .opened import opened
from .statements import kind
from .warehouse import Warehouse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
KEPT = ("name", "sql", "orientation")  # keys of its file
ROW = ("cohort_id", "quant_id", "value")  # what a SELECT gives
LIMIT = 60  # seconds that a SELECT may take
NAMES = "select distinct cohort_id, quant_id from stg_runs"  # reads raw: as fresh as it is
EXAMPLE = "select cohort_id, quant_id, avg(kld) as value from int_tokens group by all"


class Measure(NamedTuple):
    """A figure as it is kept."""

    name: str
    sql: str
    orientation: int  # 1: larger is further from the reference, -1: smaller is
    flaw: str | None = None  # why its file is none


def add(
    warehouse: Warehouse, name: str, sql: str, smaller_is_further: bool
) -> list[tuple[str, str, float]]:
    """Try the SELECT on the built warehouse and keep it; returns its (cohort_id, quant_id, value).

    Raises QwhError: a name that cannot be one, SQL that is not one SELECT, other columns, a quant
    with two values or that is not there, a table that is made from measures.
    """
    if not NAME.fullmatch(name):
        raise QwhError(
            f"{name} cannot name a measure: use small letters, digits and _, 40 at most",
            ExitCode.USAGE,
        )
    measure = Measure(name, sql.strip().rstrip(";"), -1 if smaller_is_further else 1)
    with warehouse.open() as connection:
        rows = _rows(connection, measure)
        known = _quants(connection)
    stranger = next((each for each in rows if each[:2] not in known), None)
    if stranger is not None:
        cohort, quant = stranger[:2]
        near = meant(quant, {name for there, name in known if there == cohort})
        raise QwhError(
            f"the measure {name} gives a value to {quant} of cohort {cohort}, which is not there:"
            f" {near}",
            ExitCode.NOT_FOUND,
        )
    text = json.dumps({key: measure._asdict()[key] for key in KEPT}, indent=1) + "\n"
    store = Store(warehouse.folder).create()
    try:
        store.place(store.raw / "measures" / f"{name}.json", lambda path: path.write_text(text))
    except OSError as error:
        raise storage_error(f"cannot keep the measure {name}", error) from None
    return rows


def listed(warehouse: Warehouse) -> list[Measure]:
    """Every measure, in the order of their names, those whose file is none with the flaw."""
    folder = warehouse.existing().folder / "raw" / "measures"
    return [_read(path) for path in sorted(folder.glob("[!._]*.json"))]


def remove(warehouse: Warehouse, name: str) -> None:
    """Forget a measure; the next build leaves it out. Raises QwhError for an unknown name."""
    names = [measure.name for measure in listed(warehouse)]
    if name not in names:
        raise QwhError(
            f"there is no measure called {name}: there are {', '.join(names) or 'none'}",
            ExitCode.NOT_FOUND,
        )
    try:
        (warehouse.folder / "raw" / "measures" / f"{name}.json").unlink()
    except OSError as error:
        raise storage_error(f"cannot forget the measure {name}", error) from None


def ask(warehouse: Warehouse, database: Path, after: list[str], file: Path) -> dict[str, str]:
    """Ask every measure of a database that is being built, and write what they say as Parquet.

    after: tables that are made from measures, which none may read: they are dropped first. Returns
    name -> why, of those that gave nothing.
    """
    import polars as pl

    with opened(database) as connection:
        for table, kind in connection.execute(
            "select table_name, if(table_type = 'VIEW', 'view', 'table') from"
            " information_schema.tables where table_schema = 'main'"
        ).fetchall():
            if table in after:
                connection.execute(f'drop {kind} "{table}"')
    asked = []
    with Warehouse(warehouse.folder, database).open() as connection:
        known = _quants(connection)
        for measure in listed(warehouse):
            rows: list[tuple[str, str, float]] = []
            reason = measure.flaw
            try:
                rows = [] if reason else _rows(connection, measure)
                rows, reason = _of_quants(measure.name, rows, known, reason)
            except QwhError as error:
                reason = str(error)
            asked.append((*measure[:3], reason, [dict(zip(ROW, row)) for row in rows]))
    answer = pl.Struct(dict.fromkeys(ROW[:2], pl.String) | {"value": pl.Float64})
    types = {"measure": pl.String, "sql": pl.String, "orientation": pl.Int32, "reason": pl.String}
    pl.DataFrame(asked, types | {"answers": pl.List(answer)}, orient="row").write_parquet(file)
    return {name: reason for name, _, _, reason, _ in asked if reason}


def _read(path: Path) -> Measure:
    """A measure's file, which others may have written."""
    try:
        found = json.loads(path.read_text())
        measure = Measure(*(found[key] for key in KEPT))
    except (OSError, ValueError, TypeError, KeyError) as error:
        return Measure(path.stem, "", 1, f"{path} cannot be read ({error}): remove it")
    named = measure.name == path.stem and NAME.fullmatch(path.stem)
    if named and isinstance(measure.sql, str) and measure.orientation in (1, -1):
        return measure
    return Measure(
        path.stem, "", 1, f"{path} is not a measure as qwh measure add writes: remove it"
    )


def _rows(connection: "DuckDBPyConnection", measure: Measure) -> list[tuple[str, str, float]]:
    """What the SELECT gives on a connection that reads the warehouse and no other file."""
    import duckdb

    timer = threading.Timer(LIMIT, connection.interrupt)
    timer.start()
    try:
        statements = connection.extract_statements(measure.sql)
        if [kind(each) for each in statements] != ["SELECT"]:
            raise QwhError(f"a measure is one SELECT: write it like {EXAMPLE}", ExitCode.USAGE)
        rows = connection.execute(
            f"select cohort_id, quant_id, value::double from ({measure.sql}\n) where value is not"
            " null"
        ).fetchall()
    except duckdb.InterruptException:
        raise QwhError(
            f"the measure {measure.name} took more than {LIMIT} s: make it simpler",
            ExitCode.BAD_INPUT,
        ) from None
    except duckdb.ParserException as error:
        raise QwhError(
            f"cannot read the measure's SQL: {str(error).splitlines()[0]}: write it like {EXAMPLE}",
            ExitCode.BAD_INPUT,
        ) from None
    except duckdb.Error as error:
        raise QwhError(
            f"DuckDB refused the measure: {str(error).splitlines()[0]}: it must give cohort_id,"
            f" quant_id and value, like {EXAMPLE}",
            ExitCode.BAD_INPUT,
        ) from None
    finally:
        timer.cancel()
    return _once(measure.name, rows)


def _quants(connection: "DuckDBPyConnection") -> set[tuple[str, str]]:
    """(cohort_id, quant_id) of all that a measure may tell of."""
    return set(connection.execute(NAMES).fetchall())


def _of_quants(
    name: str, rows: list[tuple[str, str, float]], known: set[tuple[str, str]], flaw: str | None
) -> tuple[list[tuple[str, str, float]], str | None]:
    """The rows of quants that are there, and why there is none; says what is left out.

    flaw: why there are none already.
    """
    kept = [row for row in rows if row[:2] in known]
    if len(kept) == len(rows):
        return rows, flaw
    cohort, quant, _ = next(row for row in rows if row[:2] not in known)
    lost = f"{len(rows) - len(kept)} of its values are of no quant here, as {quant} of {cohort}"
    if not kept:
        return kept, lost
    say(f"the measure {name}: {lost}: left out")
    return kept, flaw


def _once(name: str, rows: list[tuple[str, str, float]]) -> list[tuple[str, str, float]]:
    """The rows, if no quant has two. Raises QwhError."""
    for (cohort_id, quant_id), times in Counter(row[:2] for row in rows).items():
        if cohort_id is None or quant_id is None or times > 1:
            what = "more than one value" if times > 1 else "a value without its name"
            raise QwhError(
                f"the measure {name} gives {quant_id} of {cohort_id} {what}: aggregate to one per"
                " cohort_id and quant_id",
                ExitCode.BAD_INPUT,
            )
    return rows
