"""The data tests that are alike in all tables, asked in one query per table.

dbt asks each of them by itself, which is most of what a small build takes. These are the two that
every table has: a column that is not null, and columns that no two rows share.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

ALIKE = ("not_null", "unique_grain")  # what they are called in the YAML
LEFT_OUT = [f"test_name:{name}" for name in ALIKE]  # what dbt then need not ask


def failures(database: Path, raw: Path, nodes: list[Any]) -> tuple[list[Any], int]:
    """Those of dbt's nodes of such tests that fail, each with the SQL of its bad rows, and how many
    pass. Tables that are not there are passed over.
    """
    import duckdb

    by_table = defaultdict(list)
    for node in nodes:
        by_table[_table(node)].append(node)
    failed: list[Any] = []
    passed = 0
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set variable qwh_raw = ?", [str(raw)])
        shown = connection.execute("select table_name from information_schema.tables").fetchall()
        for table in sorted(by_table.keys() & {name for (name,) in shown}):
            asked = ", ".join(_count(node) for node in by_table[table])
            [counts] = connection.execute(f'select {asked} from "{table}"').fetchall()
            for node, bad in zip(by_table[table], counts):
                passed += not bad
                if bad:
                    node.compiled_code = _bad_rows(node)
                    failed.append(node)
    return failed, passed


def is_alike(node: Any) -> bool:
    """Whether a node is such a test."""
    about = getattr(node, "test_metadata", None)
    return about is not None and about.name in ALIKE


def _table(node: Any) -> str:
    """The table that a test is asked of."""
    [parent] = node.depends_on_nodes
    return str(parent).rsplit(".", 1)[-1]


def _columns(node: Any) -> list[str]:
    """The columns, or expressions, that a test is about."""
    given = node.test_metadata.kwargs
    return list(given["columns"]) if "columns" in given else [given["column_name"]]


def _count(node: Any) -> str:
    """How often a table breaks a test, as an aggregate of its rows."""
    columns, asked = _columns(node), f"filter (where {node.config.where or 'true'})"
    if node.test_metadata.name == "not_null":
        return f"count(*) {asked} - count({columns[0]}) {asked}"
    fields = ", ".join(f"c{n} := {column}" for n, column in enumerate(columns))
    return f"count(*) {asked} - count(distinct struct_pack({fields})) {asked}"  # nulls are alike


def _bad_rows(node: Any) -> str:
    """The SQL of the rows that break a test, as dbt's own test has it."""
    columns = ", ".join(_columns(node))
    table = f'(from "{_table(node)}" where {node.config.where or "true"})'
    if node.test_metadata.name == "not_null":
        return f"select {columns} from {table} where {columns} is null"
    return f"select {columns}, count(*) as n from {table} group by all having count(*) > 1"
