"""A user's own figure per quant, one SELECT, in the study's tables under the same protection.

A measure lies in raw/measures/NAME.json; every build asks it anew (models/marts/fct_measures.sql).
"""

import json
import re
from collections import Counter
from pathlib import Path

from ..errors import ExitCode, QwhError, storage_error
from ..raw.store import Store
from .warehouse import Warehouse

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
EXAMPLE = "select cohort_id, quant_id, avg(kld) as value from int_tokens group by all"


def add(warehouse: Warehouse, name: str, sql: str, smaller_is_further: bool) -> list[tuple]:
    """Try the SELECT on the built warehouse and keep it; returns its (cohort_id, quant_id, value).

    Raises QwhError: a name that cannot be one, SQL that is not one SELECT, other columns, a quant
    with two values.
    """
    if not NAME.fullmatch(name):
        raise QwhError(
            f"{name} cannot name a measure: use small letters, digits and _, 40 at most",
            ExitCode.USAGE,
        )
    rows = _rows(warehouse, sql)
    for (cohort_id, quant_id), times in Counter(row[:2] for row in rows).items():
        if times > 1:
            raise QwhError(
                f"the measure {name} gives {quant_id} of {cohort_id} more than one value: aggregate"
                " to one per cohort_id and quant_id",
                ExitCode.BAD_INPUT,
            )
    measure = {
        "name": name,
        "sql": sql.strip().rstrip(";"),
        "orientation": -1 if smaller_is_further else 1,
    }
    try:
        (_folder(warehouse) / f"{name}.json").write_text(json.dumps(measure, indent=1) + "\n")
    except OSError as error:
        raise storage_error(f"cannot keep the measure {name}", error) from None
    return rows


def listed(warehouse: Warehouse) -> list[dict]:
    """Every measure: name, sql, orientation (1: larger is further from the reference)."""
    return [json.loads(path.read_text()) for path in sorted(_folder(warehouse).glob("[a-z]*.json"))]


def remove(warehouse: Warehouse, name: str) -> None:
    """Forget a measure; the next build leaves it out. Raises QwhError for an unknown name."""
    path = _folder(warehouse) / f"{name}.json"
    if not NAME.fullmatch(name) or not path.exists():
        names = ", ".join(measure["name"] for measure in listed(warehouse)) or "none"
        raise QwhError(f"there is no measure called {name}: there are {names}", ExitCode.NOT_FOUND)
    path.unlink()


def _folder(warehouse: Warehouse) -> Path:
    return Store(warehouse.existing().folder).create().raw / "measures"


def _rows(warehouse: Warehouse, sql: str) -> list[tuple]:
    """What the SELECT gives, read-only."""
    import duckdb
    import sqlglot
    from sqlglot import exp

    try:
        trees = sqlglot.parse(sql, dialect="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise QwhError(
            f"cannot read the measure's SQL: {str(error).splitlines()[0]}: write it like {EXAMPLE}",
            ExitCode.BAD_INPUT,
        ) from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise QwhError(f"a measure is one SELECT: write it like {EXAMPLE}", ExitCode.USAGE)
    with warehouse.open() as connection:
        try:
            return connection.execute(
                f"select cohort_id, quant_id, value::double from ({sql.strip().rstrip(';')}) where"
                " value is not null"
            ).fetchall()
        except duckdb.Error as error:
            raise QwhError(
                f"DuckDB refused the measure: {str(error).splitlines()[0]}: it must give cohort_id,"
                f" quant_id and value, like {EXAMPLE}",
                ExitCode.BAD_INPUT,
            ) from None
