"""The data tests that are alike in all tables, asked in one query per table.

dbt asks each of them by itself, which is most of what a small build takes. These are the two that
every table has: a column that is not null, and columns that no two rows share.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

from .dbt_build import Outcome
from .opened import opened

ALIKE = ("not_null", "unique_grain")  # what they are called in the YAML
LEFT_OUT = [f"test_name:{name}" for name in ALIKE]  # what dbt then need not ask


def answers(database: Path, raw: Path, tests: list[Any]) -> Outcome:
    """What comes of those of dbt's tests; one that fails gets the SQL of its bad rows.

    Tables that are not there are passed over; of one that cannot be read there are words, and no
    test of it counts as failed.
    """
    import duckdb

    if not database.exists():  # dbt stopped before it made any
        return Outcome(None, [], 0)
    by_rows = defaultdict(list)
    for test in filter(_is_alike, tests):
        by_rows[_table(test), _rows(test)].append(test)
    words, failed, passed = [], [], 0
    with opened(database, read_only=True) as connection:
        connection.execute("set variable qwh_raw = ?", [str(raw)])
        shown = connection.execute("select table_name from information_schema.tables").fetchall()
        for table, rows in sorted(key for key in by_rows if (key[0],) in shown):
            asked = by_rows[table, rows]
            try:
                [counts] = connection.execute(
                    f"select {', '.join(map(_count, asked))} from {rows}"
                ).fetchall()
            except duckdb.Error as error:
                words.append(f"{table} cannot be read: {str(error).splitlines()[0]}")
                continue
            passed += counts.count(0)
            for test, bad in zip(asked, counts):
                if bad:
                    test.compiled_code = _bad_rows(test)
                    words.append(f"{test.name}: {bad} bad rows")
                    failed.append(test)
    return Outcome(words[0] if words else None, failed, passed)


def _is_alike(test: Any) -> bool:
    """Whether a test is one of these."""
    about = getattr(test, "test_metadata", None)
    return about is not None and about.name in ALIKE


def _table(test: Any) -> str:
    """The table that a test is asked of."""
    [parent] = test.depends_on_nodes
    return str(parent).rsplit(".", 1)[-1]


def _columns(test: Any) -> list[str]:
    """The columns, or expressions, that a test is about."""
    given = test.test_metadata.kwargs
    return list(given["columns"]) if "columns" in given else [given["column_name"]]


def _rows(test: Any) -> str:
    """The rows that a test is asked of, as SQL."""
    return f'(from "{_table(test)}" where {test.config.where or "true"})'


def _count(test: Any) -> str:
    """How often rows break a test, as an aggregate."""
    columns = _columns(test)
    if test.test_metadata.name == "not_null":
        return f"count(*) - count({columns[0]})"
    fields = ", ".join(f"c{n} := {column}" for n, column in enumerate(columns))
    return f"count(*) - count(distinct struct_pack({fields}))"  # nulls are alike


def _bad_rows(test: Any) -> str:
    """The SQL of the rows that break a test, as dbt's own test has it."""
    columns, rows = ", ".join(_columns(test)), _rows(test)
    if test.test_metadata.name == "not_null":
        return f"select {columns} from {rows} where {columns} is null"
    return f"select {columns}, count(*) as n from {rows} group by all having count(*) > 1"
