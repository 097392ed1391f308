"""What a decision prints: a table, then sentences."""

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


def show(command: str, said: Said, look: Look) -> None:
    """Print a command's table as wide as the screen, then the sentences."""
    from ..exports.port import table

    put(table(said.rows, command), look, tuple(said.sentences))
