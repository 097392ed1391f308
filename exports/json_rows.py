"""JSON: a list with an object for each row, in full precision."""

import json
from math import isfinite
from typing import Any

from .port import Table


def render(table: Table) -> bytes:
    """UTF-8, an object on each line; NULL and what is not finite as null."""
    lines = [
        json.dumps(_plain(row), ensure_ascii=False, default=str)
        for row in table.rows.iter_rows(named=True)
    ]
    return ("[" + ",\n ".join(lines) + "]\n").encode()


def _plain(value: Any) -> Any:
    """A cell of JSON's own kinds."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
