"""Parquet: every value and type as the warehouse has it."""

from io import BytesIO

from .port import Table


def render(table: Table) -> bytes:
    """The file's content."""
    out = BytesIO()
    table.rows.write_parquet(out)
    return out.getvalue()
