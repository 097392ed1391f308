"""CSV: full precision, lists and structs as JSON."""

import json

import polars as pl

from .port import Table


def render(table: Table) -> bytes:
    """A header and a line per row, UTF-8."""
    nested = [name for name, kind in table.rows.schema.items() if kind.is_nested()]
    return (
        table.rows.with_columns(
            pl.col(name).map_elements(_json, return_dtype=pl.String) for name in nested
        )
        .write_csv()
        .encode()
    )


def _json(value: object) -> str:
    """A nested cell as JSON text."""
    return json.dumps(value.to_list() if isinstance(value, pl.Series) else value, default=str)
