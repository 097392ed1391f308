"""The prompt of `qwh sql`: statements that end in ; are answered, one after the other."""

import sys

from ..database.warehouse import Warehouse
from ..errors import QwhError, report
from ..exports.port import table
from ..exports.terminal import render
from ..progress import say

PROMPT, MORE = "qwh> ", "...> "


def answer(warehouse: Warehouse, text: str, width: int | None) -> None:
    """Print the rows of one or more read-only statements. Raises QwhError for anything else."""
    for rows in warehouse.ask(text):
        print(render(table(rows), width))


def shell(warehouse: Warehouse, width: int | None) -> None:
    """Read statements from stdin until it ends, and answer each; an error does not end it."""
    warehouse.built()
    is_asked = sys.stdin.isatty()
    if is_asked:
        import readline  # noqa: F401  (gives input() its history)

        say(f"{warehouse.database}, read-only; end a statement with ; and the shell with Ctrl-D")
    lines: list[str] = []
    while True:
        try:
            lines.append(input((MORE if lines else PROMPT) if is_asked else ""))
        except EOFError:
            return
        if lines[-1].rstrip().endswith(";"):
            try:
                answer(warehouse, "\n".join(lines), width)
            except QwhError as error:
                report(error)
            lines = []
