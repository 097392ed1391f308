"""A GitHub table."""

from .port import Table


def render(table: Table) -> bytes:
    """Header, rule and a line per row, UTF-8; numbers to the right."""
    rule = ["---" if column.is_left else "---:" for column in table.columns]
    lines = [[column.name for column in table.columns], rule, *table.cells()]
    return "".join("| " + " | ".join(map(_cell, line)) + " |\n" for line in lines).encode()


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
