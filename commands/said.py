"""What a decision prints: a table, then sentences."""

from pathlib import Path
from typing import Any, NamedTuple

from .look import Look, put


class Said(NamedTuple):
    """What a command prints: a table, then sentences."""

    rows: list[dict[str, Any]]
    sentences: list[str]


def of_two(row: dict[str, Any], keys: tuple[str, ...], columns: dict[str, str]) -> dict[str, Any]:
    """Keys and the two models' figures; columns: a figure's column -> its model's name."""
    return some(row, keys) | {name: row[column] for column, name in columns.items()}


def some(row: dict[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    """These columns of a row."""
    return {column: row[column] for column in columns}


def show(command: str, said: Said, look: Look, warehouse: Path | None) -> None:
    """Print a command's table as wide as the screen, then the sentences.

    warehouse: where they come from; that its tables are behind is said on stderr.
    """
    from ..database.freshness import say_if_due
    from ..database.warehouse import Warehouse
    from ..exports.port import table

    if warehouse is not None:
        say_if_due(Warehouse(warehouse))
    put(table(said.rows, command), look, tuple(said.sentences))
