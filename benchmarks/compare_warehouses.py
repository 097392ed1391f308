"""Do two built warehouses say the same? Every table and every view that both have, row by row.

    python benchmarks/compare_warehouses.py BEFORE AFTER [--tolerance 1e-12]

A table's rows are joined on its grain (the columns of its `unique_grain` test), those of anything
else on all columns that are no floats. Floats, nested ones too, agree within the tolerance,
absolute below 1 and relative above; every other value must be equal. Where only one side has the
column `scoring`, its rows of answers are compared. One line per table; what only one side has is
listed and not compared. Exit code 1 if a row or a value differs.
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl
import yaml

from qwh.database.warehouse import PROJECT


class Built(NamedTuple):
    """A warehouse's file, open, and what the project's models say of it."""

    connection: duckdb.DuckDBPyConnection
    queries: dict[str, str]  # table or analysis -> SQL of its rows
    grains: dict[str, list[str]]  # table -> columns that no two rows share


def open_built(folder: Path) -> Built:
    """A warehouse by its folder."""
    connection = duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True)
    connection.execute("set variable qwh_raw = ?", [str(folder / "raw")])
    tables = connection.sql(
        "select table_name from duckdb_tables() union all"
        " select view_name from duckdb_views() where not internal"
    ).fetchall()
    queries = {name: f'from "{name}"' for (name,) in tables}
    grains = {}
    for twin in PROJECT.glob("models/*/*.yml"):
        for model in yaml.safe_load(twin.read_text())["models"]:
            for test in model.get("data_tests", []):
                if "unique_grain" in test:
                    grains[model["name"]] = test["unique_grain"]["arguments"]["columns"]
    return Built(connection, queries, grains)


def of_answers(frame: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """The rows whose scores are of answers, or none, where the other side knows no others."""
    if "scoring" not in frame.columns or "scoring" in other.columns:
        return frame
    return frame.filter(pl.col("scoring").fill_null("answered") == "answered").drop("scoring")


def differences(
    before: pl.DataFrame, after: pl.DataFrame, grain: list[str] | None, tolerance: float
) -> Iterator[str]:
    """What differs between two tables, a phrase each; nothing where they say the same."""
    floats = {
        name
        for name in before.columns
        if name in after.columns and (before[name].dtype.is_float() or after[name].dtype.is_float())
    }
    shared = [name for name in before.columns if name in after.columns]
    keys = [name for name in grain or shared if name in shared and name not in floats]
    rows = [_numbered(frame.select(shared), keys, floats) for frame in (before, after)]
    joined = rows[0].join(
        rows[1], on=[*keys, "_copy"], how="full", suffix="_after", nulls_equal=True
    )
    for number, side in ((1, "before"), (0, "after")):
        alone = rows[number - 1].join(
            rows[number], on=[*keys, "_copy"], how="anti", nulls_equal=True
        )
        if len(alone):
            yield f"{len(alone)} rows only {side}, first {alone.select(keys).row(0)}"
    both = joined.filter(pl.col("_copy").is_not_null() & pl.col("_copy_after").is_not_null())
    for name in shared:
        if name not in keys:
            yield from _unlike(both, name, keys, tolerance)


def _numbered(frame: pl.DataFrame, keys: list[str], floats: set[str]) -> pl.DataFrame:
    """The rows with nested and exact values as text, and `_copy`: which row of its key it is."""
    exact = [
        pl.col(name).cast(pl.Float64) if name in floats else _text(frame[name])
        for name in frame.columns
    ]
    frame = frame.select(exact).sort(frame.columns, nulls_last=True)
    return frame.with_columns(
        _copy=pl.int_range(pl.len()).over(keys) if keys else pl.int_range(pl.len())
    )


def _text(column: pl.Series) -> pl.Series:
    """Values as text, so that nested ones can be joined and widths of integers do not matter."""
    if not column.dtype.is_nested():
        return column.cast(pl.String)
    values = column.to_list()
    return pl.Series(column.name, [None if each is None else str(each) for each in values])


def _unlike(both: pl.DataFrame, name: str, keys: list[str], tolerance: float) -> Iterator[str]:
    """A phrase if a column's values differ: how many, and the worst or the first."""
    left, right = pl.col(name), pl.col(f"{name}_after")
    off = both.filter(left.ne_missing(right))
    if both[name].dtype.is_float():
        size = pl.max_horizontal(left.abs(), right.abs(), pl.lit(1.0))
        gap = (left - right).abs() / size
        off = (
            off.with_columns(_gap=gap)
            .filter(gap.is_null() | gap.is_nan() | (gap > tolerance))
            .sort("_gap", descending=True, nulls_last=False)
        )
    else:
        pairs = off.select(name, f"{name}_after").iter_rows()
        off = off.filter(pl.Series([not _near(*pair, tolerance) for pair in pairs], dtype=bool))
    if len(off):
        row = off.row(0, named=True)
        where = ", ".join(str(row[key]) for key in keys[:6])
        values = " and ".join(str(row[each])[:60] for each in (name, f"{name}_after"))
        yield f"{name}: {len(off)} values, {values} at ({where})"


def _near(left: str | None, right: str | None, tolerance: float) -> bool:
    """Whether two values as text are the same, the numbers inside nested ones up to tolerance."""
    try:
        a, b = ast.literal_eval(left or ""), ast.literal_eval(right or "")
    except (SyntaxError, ValueError):
        return left == right
    return _same(a, b, tolerance)


def _same(a: object, b: object, tolerance: float) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= tolerance * max(abs(a), abs(b), 1.0)
    if isinstance(a, dict) and isinstance(b, dict):
        a, b = sorted(a.items()), sorted(b.items())
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(_same(x, y, tolerance) for x, y in zip(a, b))
    return a == b


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-12)
    arguments = parser.parse_args()
    before, after = open_built(arguments.before), open_built(arguments.after)
    unlike = 0
    for name in sorted(before.queries.keys() | after.queries.keys()):
        if name not in before.queries or name not in after.queries:
            print(f"{name}: only {'before' if name in before.queries else 'after'}")
            continue
        both = [built.connection.sql(built.queries[name]).pl() for built in (before, after)]
        rows = [of_answers(one, other) for one, other in (both, both[::-1])]
        grain = after.grains.get(name) or before.grains.get(name)
        found = list(differences(*rows, grain, arguments.tolerance))
        unlike += bool(found)
        columns = sorted(set(rows[0].columns) ^ set(rows[1].columns))
        note = f" (columns of one side: {', '.join(columns)})" if columns else ""
        print(f"{name}: {len(rows[0])} rows: {'; '.join(found) or 'equal'}{note}")
    print(f"{unlike} tables and analyses differ")
    return 1 if unlike else 0


if __name__ == "__main__":
    sys.exit(main())
